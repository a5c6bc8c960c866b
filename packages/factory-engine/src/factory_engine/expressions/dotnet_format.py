"""The .NET date and time formats in use.

https://learn.microsoft.com/dotnet/standard/base-types/custom-date-and-time-format-strings. Of the standard formats only
those that no culture changes are supported: o, s, u, r.
"""

import re

from factory_engine.expressions.errors import ExpressionError
from factory_engine.expressions.moment import HOUR, MINUTE, SECOND, Moment

_STANDARD = {
    "o": "yyyy-MM-dd'T'HH:mm:ss.fffffffK",
    "s": "yyyy-MM-dd'T'HH:mm:ss",
    "u": "yyyy-MM-dd HH:mm:ss'Z'",
    "r": "ddd, dd MMM yyyy HH:mm:ss 'GMT'",
}
_TOKEN = re.compile(r"'[^']*'|\"[^\"]*\"|\\.|%(?=.)|([dfFgHhKmMstyz])\1*|.", re.DOTALL)
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


def format_moment(moment: Moment, style: str) -> str:
    """The moment in a .NET format. Raises ExpressionError for a format that is wrong or not supported."""
    if len(style) == 1 or not style:
        key = "o" if style == "O" else "r" if style == "R" else style
        if key not in _STANDARD:
            msg = f"the standard date format '{style}' is not supported, only o, s, u and r are"
            raise ExpressionError(msg)
        style = _STANDARD[key]
    text = ""
    for match in _TOKEN.finditer(style):
        text = _append(text, match.group(), moment, style)
    return text


def _append(text: str, token: str, moment: Moment, style: str) -> str:
    if token[0] in "'\"":
        if len(token) == 1:
            msg = f"the date format '{style}' has no closing quote"
            raise ExpressionError(msg)
        return text + token[1:-1]
    if token[0] == "\\" and len(token) == 2:
        return text + token[1]
    if token[0] == "%" and style != "%":
        return text
    if token[0] in "\\%g":
        msg = f"'{token}' in the date format '{style}' is not supported"
        raise ExpressionError(msg)
    if token[0] in "fF":
        return _fraction(text, token, moment, style)
    return text + (_part(token, moment) if token[0] in "dHhKmMstyz" else token)


def _fraction(text: str, token: str, moment: Moment, style: str) -> str:
    if len(token) > 7:
        msg = f"'{token}' in the date format '{style}' has more than 7 digits"
        raise ExpressionError(msg)
    digits = f"{moment.ticks % SECOND:07}"[: len(token)]
    if token[0] == "f":
        return text + digits
    digits = digits.rstrip("0")
    return text + digits if digits or not text.endswith(".") else text[:-1]


def _part(token: str, moment: Moment) -> str:
    letter, length, day = token[0], len(token), moment.date
    hour = moment.ticks // HOUR % 24
    if letter == "K":
        return moment.kind * length
    if letter == "z":
        return ("+0", "+00", "+00:00")[min(length, 3) - 1]
    if letter == "t":
        return ("AM", "PM")[hour >= 12][: min(length, 2)]
    if letter in "dM" and length > 2:
        name = _DAYS[day.weekday()] if letter == "d" else _MONTHS[day.month - 1]
        return name[:3] if length == 3 else name
    if letter == "y":
        return f"{day.year % 100:0{length}}" if length <= 2 else f"{day.year:0{length}}"
    number = {
        "d": day.day,
        "M": day.month,
        "H": hour,
        "h": (hour + 11) % 12 + 1,
        "m": moment.ticks // MINUTE % 60,
        "s": moment.ticks // SECOND % 60,
    }[letter]
    return f"{number:0{min(length, 2)}}"
