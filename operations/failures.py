"""Why a job failed, in the words of Azure, of its logs, and of what these mean."""

from operations import jobs
from operations.stack import Stack

TAIL = 20


def failure(stack: Stack, job: str) -> str:
    """Why a job failed: Azure's error, the end of the log that tells most, and what it means."""
    from batch_runner import explain

    reason = jobs.error(stack, job)
    found = jobs.cause(jobs.logs(stack, job))
    parts = [f"cause: {reason}"] if reason else []
    if found:
        name, text = found
        parts += [f"end of {name}:", *("  " + line for line in text.rstrip().splitlines()[-TAIL:])]
    meaning = explain(f"{found[1] if found else ''}\n{reason}")
    if meaning:
        parts.append(f"meaning: {meaning}")
    return "\n".join(parts) or "Azure keeps neither an error nor a log of it."
