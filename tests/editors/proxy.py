# SPDX-License-Identifier: Apache-2.0
"""A loopback proxy for tests of editors: POST /infill as "blindbox connect" answers it, without a server behind it."""

import http.server
import json
import threading


class Proxy:
    """Answers every hole with text; keeps what it was asked."""

    def __init__(self, text, verdict="accepted"):
        self.text, self.verdict, self.asked = text, verdict, []
        proxy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                proxy.asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                events = [{"content": proxy.text, "stop": False}, {"content": "", "stop": True, "stop_type": "eos"}]
                body = "".join(f"data: {json.dumps(event)}\n\n" for event in events).encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/event-stream")
                self.send_header("Content-Length", str(len(body)))
                self.send_header("Blindbox-Verdict", proxy.verdict)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
