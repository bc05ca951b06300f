import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

// A user's own model in Python: it says its colour and its process, takes as long as it is asked to, and fails where its
// environment says so.
const source = `
import http.server, json, os, socketserver, time
class Model(http.server.BaseHTTPRequestHandler):
    def log_message(self, *args): pass
    def answer(self, status, body, kind="application/json"):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def do_GET(self): self.answer(200, b"")
    def do_POST(self):
        sent = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if sent.startswith("wait "): time.sleep(float(sent[5:]))
        if os.environ.get("BROKEN"): return self.answer(500, b"broken")
        if self.headers["Content-Type"] == "text/csv":
            rows = [row for row in sent.split("\\n") if row]
            return self.answer(200, "".join(str(len(row.split(","))) + "\\n" for row in rows).encode(), "text/csv")
        self.answer(200, json.dumps({"colour": os.environ["COLOUR"], "pid": os.getpid()}).encode())
class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 128
print("serving " + os.environ["COLOUR"])
Server(("127.0.0.1", int(os.environ["SAGEMAKER_BIND_TO_PORT"])), Model).serve_forever()
`;

/** The model as `model.tar.gz`. */
export function pythonModel(): Buffer {
  const folder = mkdtempSync(join(tmpdir(), "scones-model-"));
  try {
    mkdirSync(join(folder, "code"));
    writeFileSync(join(folder, "code", "serve.py"), source);
    execFileSync("tar", ["czf", "model.tar.gz", "code"], { cwd: folder });
    return readFileSync(join(folder, "model.tar.gz"));
  } finally {
    rmSync(folder, { recursive: true });
  }
}
