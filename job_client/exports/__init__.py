"""Results in the formats that other programs read."""

from job_client.exports.formats import ExportFormat, export, write

__all__ = ["ExportFormat", "export", "write"]
