"""What is wrong with an expression, and where."""


class ExpressionError(ValueError):
    """An expression that cannot be parsed, is refused, or cannot be evaluated.

    `position` counts characters from 1 in `expression`, the whole string as it stands in the definition.
    """

    def __init__(self, reason: str, *, expression: str = "", position: int | None = None) -> None:
        self.reason = reason
        self.expression = expression
        self.position = position
        super().__init__(reason)

    def at(self, expression: str, position: int) -> "ExpressionError":
        """The same error with its place, unless it already has one."""
        if self.expression:
            return self
        return ExpressionError(self.reason, expression=expression, position=position)

    def __str__(self) -> str:
        if not self.expression:
            return self.reason
        return f"{self.reason}, at character {self.position} of {self.expression!r}"
