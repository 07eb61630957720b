"""The kiosk in a real window (offscreen) against a real server. Skipped, loudly, only where Qt cannot be loaded."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

os.environ["QT_QPA_PLATFORM"] = "offscreen"
PACKAGES = "libegl1 libgl1 libxkbcommon0 libfontconfig1 libdbus-1-3 libglib2.0-0 libgssapi-krb5-2"
# In a process of its own: a Qt that finds no platform ends its process, and would take every other test with it.
PROBE = "from PySide6.QtPrintSupport import QPrinter; from PySide6.QtNetwork import QNetworkReply; from PySide6.QtWidgets import QApplication; QApplication([])"
_probed = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, timeout=120)
if _probed.returncode != 0:
    why = (_probed.stderr.strip().splitlines() or ["no message"])[-1]
    pytest.skip(f"NO QT: pip install PySide6-Essentials; apt-get install {PACKAGES} ({why})", allow_module_level=True)
