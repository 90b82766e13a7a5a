"""Makes `cameras_of_hypothesis` importable whatever way pytest is started."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
