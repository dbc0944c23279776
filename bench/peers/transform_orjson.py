"""The Python transform with orjson. Usage: transform_orjson.py BATCHES [--repeat N] [--out FILE]"""

import orjson

import transform_python

if __name__ == "__main__":
    transform_python.main(orjson.loads, orjson.dumps)
