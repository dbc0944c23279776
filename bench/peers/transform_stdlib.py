"""The Python transform with the json module. Usage: transform_stdlib.py BATCHES [--repeat N] [--out FILE]"""

import json

import transform_python

# Made once: json.dumps would make one for every call that has options.
encoder = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))

if __name__ == "__main__":
    transform_python.main(json.loads, lambda value: encoder.encode(value).encode())
