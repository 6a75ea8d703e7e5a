"""An OpenTelemetry collector for tests: decodes with the project's own Python messages (PyPI opentelemetry-proto), writes what it
got as lines of JSON, and answers as the file `mood` says: `yes`, `no` (503), `silent` (keeps it and closes), `partial`.

collector.py DIRECTORY [CERTIFICATE KEY]: the port that it listens on is in DIRECTORY/port."""

import gzip
import http.server
import json
import os
import ssl
import sys

from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2 as logs
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as metrics

DIRECTORY = sys.argv[1]
MESSAGES = {
    "/v1/logs": (logs.ExportLogsServiceRequest, logs.ExportLogsServiceResponse),
    "/v1/metrics": (metrics.ExportMetricsServiceRequest, metrics.ExportMetricsServiceResponse),
}


class Collector(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        mood = open(os.path.join(DIRECTORY, "mood")).read().strip()
        if mood == "no":
            return self.say(503, b"")
        assert self.headers["Content-Type"] == "application/x-protobuf" and self.headers["Content-Encoding"] == "gzip"
        request, response = MESSAGES[self.path]
        message = request.FromString(gzip.decompress(body))
        # All that was sent is known to the messages: what is not is kept apart by protobuf, and would be sent on.
        assert len(message.SerializeToString()) == len(gzip.decompress(body))
        line = {"path": self.path, "token": self.headers.get("X-Token"), "message": MessageToDict(message)}
        with open(os.path.join(DIRECTORY, "got"), "a") as got:
            got.write(json.dumps(line) + "\n")
        if mood == "silent":
            self.close_connection = True
            return None
        answer = response()
        if mood == "partial" and self.path == "/v1/logs":
            answer.partial_success.rejected_log_records = 2
            answer.partial_success.error_message = "two are too old"
        return self.say(200, answer.SerializeToString())

    def say(self, status, body):
        self.send_response(status)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Collector)
if len(sys.argv) > 2:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(sys.argv[2], sys.argv[3])
    server.socket = context.wrap_socket(server.socket, server_side=True)
with open(os.path.join(DIRECTORY, "port.new"), "w") as port:
    port.write(str(server.server_address[1]))
os.rename(os.path.join(DIRECTORY, "port.new"), os.path.join(DIRECTORY, "port"))
server.serve_forever()
