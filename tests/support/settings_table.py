"""The settings tables of the README, made from the settings themselves: `python -m tests.support.settings_table`."""

from pydantic_core import PydanticUndefined

from job_api.settings import ApiSettings
from job_worker.settings import WorkerSettings
from shared.process.settings import ProcessSettings, file_table


def table_of(settings_class: type[ProcessSettings]) -> str:
    """Return the table, one row per setting."""
    rows = ["| setting | default | what it is |", "|---|---|---|"]
    for name, field in settings_class.model_fields.items():
        if file_table(field):
            continue
        rows.append(f"| `--{name.replace('_', '-')}` | {_default(field.default)} | {field.description} |")
    return "\n".join(rows)


def _default(value: object) -> str:
    if value is PydanticUndefined or value in {"", None, ()}:
        return ""
    if isinstance(value, tuple):
        return f"`{','.join(value)}`"
    if isinstance(value, int) and value >= 1 << 20 and value % (1 << 20) == 0:
        return f"`{value}` ({value >> 20} MiB)"
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`"


if __name__ == "__main__":
    for program, settings_class in (("foregsyte-api", ApiSettings), ("foregsyte-worker", WorkerSettings)):
        print(f"**`{program}`**\n\n{table_of(settings_class)}\n")  # noqa: T201
