#!/usr/bin/env python3
"""codec-version.py zstd|gzip: the version of the library that the program finds on this machine."""
import ctypes, sys
name, symbol = {'zstd': ('libzstd.so.1', 'ZSTD_versionString'), 'gzip': ('libz.so.1', 'zlibVersion')}[sys.argv[1]]
version = getattr(ctypes.CDLL(name), symbol)
version.restype = ctypes.c_char_p
print(version().decode())
