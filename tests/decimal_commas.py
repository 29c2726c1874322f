"""A plugin of pytest, `-p tests.decimal_commas`: C writes and reads numbers as people do in the locale of LC_ALL."""

import locale

locale.setlocale(locale.LC_ALL, "")
