"""What the document of orders-api cannot say: an idempotency key belongs to one order.

Schemathesis makes up valid keys, often the same one for different orders, which is refused with 422 as it
should be. Here each valid key becomes one of its own; invalid ones stay as they are.
"""

import itertools
import re

import schemathesis

VALID = re.compile(r'\A(?:[!#-~]{1,240}|"[!#-~]{1,240}")\Z')
COUNT = itertools.count()


@schemathesis.hook
def before_call(context, case, kwargs):
    """Appends a number to a valid key, inside its quotes if it has some."""
    headers = case.headers or {}
    for name in list(headers):
        key = headers[name]
        if name.lower() != "idempotency-key" or not isinstance(key, str) or not VALID.match(key):
            continue
        bare = key.strip('"')
        unique = f"{bare}-{next(COUNT)}"
        headers[name] = f'"{unique}"' if key.startswith('"') else unique
