"""Reports by name, as files and pages, and saved reports."""
