# SPDX-License-Identifier: MIT
import sys, json, re, hashlib, zlib, collections, random, os, subprocess, threading, signal
print(sys.version_info[:2], sum(x*x for x in range(3000)))
print(json.dumps({"a":[1,2.5,None,True],"b":"é"}))
print(hashlib.sha256(b"x"*10000).hexdigest(), zlib.crc32(b"hello"*1000))
print(re.sub(r"(\w+) (\w+)", r"\2 \1", "hello world foo bar"))
print(collections.Counter("mississippi").most_common(2), 2**200 % 1000007, 1/3, 10**20//7)
random.seed(5); print([random.randint(0,99) for _ in range(8)])
l=[]
def w(k):
    for i in range(200): l.append(k)
ts=[threading.Thread(target=w,args=(k,)) for k in range(3)]
[t.start() for t in ts]; [t.join() for t in ts]
print(len(l), sorted(set(l)))
r,wr=os.pipe()
if os.fork()==0:
    os.write(wr,b"from child"); os._exit(7)
print(os.read(r,100), os.waitstatus_to_exitcode(os.wait()[1]))
signal.signal(signal.SIGALRM, lambda *a: print("alarm"))
signal.setitimer(signal.ITIMER_REAL, 0.01); signal.pause()
# Memory that is a file, and sockets between threads and processes.
import mmap, socket, socketserver
with open("python.file", "w+b") as f:
    f.write(b"0123456789" * 500); f.flush()
    m = mmap.mmap(f.fileno(), 0)
    if not os.fork():
        m[0:5] = b"child"; os._exit(0)
    os.wait(); m.resize(8192); m[8191] = 33; m.flush()
    f.seek(0); text = f.read(); print(text[:12], len(text), text[-1:])
class Upper(socketserver.StreamRequestHandler):
    def handle(self): self.wfile.write(self.rfile.readline().upper())
with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Upper) as server:
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with socket.create_connection(server.server_address) as c:
        c.sendall(b"a line\n"); print(c.recv(100))
    server.shutdown()
x, y = socket.socketpair()
socket.send_fds(x, [b"one"], [r]); data, fds, flags, _ = socket.recv_fds(y, 10, 4); print(data, len(fds), flags)
