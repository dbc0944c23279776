"""A function in Python that needs nothing of AWS, up to its first request to the Runtime API."""

import base64  # noqa: F401
import http.client
import json  # noqa: F401
import os

api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
api.request("GET", "/2018-06-01/runtime/invocation/next")
api.getresponse()
