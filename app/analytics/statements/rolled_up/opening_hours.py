"""The opening hours and holidays with which leads were counted, as a hash. Business time depends on them."""

from typing import Final

from holidays.version import __version__ as holidays_version

# SQL expression of a row `c` of the clinics.
OPENING_HASH: Final = (
    f"md5(CAST(ROW(c.business_hours, c.closed_dates, c.region, c.subdivision) AS text)) || ' {holidays_version}'"
)
