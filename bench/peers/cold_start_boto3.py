"""A function in Python that works with S3 and Glue, up to its first request to the Runtime API."""

import http.client
import json  # noqa: F401
import os

import boto3

s3 = boto3.client("s3")
glue = boto3.client("glue")

api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
api.request("GET", "/2018-06-01/runtime/invocation/next")
api.getresponse()
