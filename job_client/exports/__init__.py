"""Results in the formats that other programs read."""

from job_client.exports.formats import ExportFormat, export

__all__ = ["ExportFormat", "export"]
