"""The stack's outputs: what the operators' commands go by."""

import pulumi


def export(**outputs: object) -> None:
    for name, value in outputs.items():
        pulumi.export(name, value)
