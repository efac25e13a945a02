"""Properties are tried on the same examples everywhere, so that a run tells of the change and not of its luck.

`HYPOTHESIS_PROFILE=explore` draws new examples each time, in search of new counterexamples.
"""

import os

from hypothesis import settings

settings.register_profile("fixed", derandomize=True, deadline=None)
settings.register_profile("explore", deadline=None, max_examples=500)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fixed"))
