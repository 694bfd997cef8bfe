"""Responses with a file to save."""

from typing import IO, Any, Final

from flask import Response, request
from werkzeug.wsgi import wrap_file

from app.core.files.exports import CONTENT_TYPES, FileFormat

TEXT: Final = {"type": "string"}  # generated clients read `binary` as bytes only where the type is not text
BINARY: Final = {"type": "string", "format": "binary"}
# OpenAPI: the response is CSV (TEXT) or XLSX.
WORKBOOK: Final[Any] = {200: {"content": {CONTENT_TYPES[FileFormat.XLSX]: {"schema": BINARY}}}}


def download(file: IO[bytes], name: str, file_format: FileFormat) -> Response:
    """Return a response that sends the file under the name `name` with the format as its ending, and then closes it."""
    headers = {"Content-Disposition": f'attachment; filename="{name}.{file_format}"'}
    response = Response(wrap_file(request.environ, file), headers=headers, content_type=CONTENT_TYPES[file_format])
    response.call_on_close(file.close)
    return response
