"""Reports as printable HTML with SVG charts, and as plain text."""
