"""The opening hours and holidays with which leads were counted, as a hash. Business time depends on them.

The hash ends with the name of the newest table of rollups, so that days without rows in it are counted again.
"""

from typing import Final

from holidays.version import __version__ as holidays_version

_VERSION: Final = f"{holidays_version} entries"
# SQL expression of a row `c` of the clinics.
OPENING_HASH: Final = (
    f"md5(CAST(ROW(c.business_hours, c.closed_dates, c.region, c.subdivision) AS text)) || ' {_VERSION}'"
)
