# Real resets on loopback: what Linux sends by itself, and what it makes of resets and SYNs that somebody else injects with
# the true sequence numbers. Needs root. One connection to each of the ports 7001 to 7006; prints a line when it is done.
import socket
import struct
import threading
import time

HOST = '127.0.0.1'
FIN, SYN, RST, ACK = 1, 2, 4, 16

sniffer = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
sniffer.bind(('lo', 0))
injector = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
following = {}  # (source port, destination port) -> next sequence number


def sniff():
    while True:
        frame = sniffer.recv(65535)
        ip = frame[14:]
        if frame[12:14] != b'\x08\x00' or ip[9] != 6:
            continue
        tcp = ip[(ip[0] & 15) * 4:]
        sport, dport, sequence, _ack, offset, flags = struct.unpack('!HHIIBB', tcp[:14])
        length = struct.unpack('!H', ip[2:4])[0] - (ip[0] & 15) * 4 - (offset >> 4) * 4
        if not flags & RST and (length > 0 or flags & (SYN | FIN)):
            following[sport, dport] = (sequence + length + (1 if flags & (SYN | FIN) else 0)) & 0xffffffff


def checksum(data):
    data += b'\0' * (len(data) % 2)
    total = sum(struct.unpack('!%dH' % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def inject(sport, dport, sequence, flags):
    address = socket.inet_aton(HOST)
    header = struct.pack('!HHIIBBHHH', sport, dport, sequence & 0xffffffff, 0, 5 << 4, flags, 65535, 0, 0)
    pseudo = address + address + struct.pack('!BBH', 0, 6, len(header))
    header = header[:16] + struct.pack('!H', checksum(pseudo + header)) + header[18:]
    ip = struct.pack('!BBHHHBBH4s4s', 0x45, 0, 20 + len(header), 1, 0, 64, 6, 0, address, address)
    injector.sendto(ip + header, (HOST, 0))
    time.sleep(0.05)


def pair(port):
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((HOST, port))
    listener.listen(1)
    client = socket.create_connection((HOST, port))
    server, _ = listener.accept()
    listener.close()
    client.sendall(b'request')
    assert server.recv(100) == b'request'
    server.sendall(b'answer')
    assert client.recv(100) == b'answer'
    time.sleep(0.1)
    return client, server, client.getsockname()[1]


def finish(client, server):
    client.shutdown(socket.SHUT_WR)
    assert server.recv(100) == b''
    server.close()
    assert client.recv(100) == b''
    client.close()


def upload(client, server):
    for _ in range(20):
        client.sendall(b'x' * 1000)
    got = 0
    while got < 20000:
        got += len(server.recv(65536))
    server.sendall(b'thanks')
    assert client.recv(100) == b'thanks'


threading.Thread(target=sniff, daemon=True).start()
time.sleep(0.2)

# a reset inside the window, but not where the client stands: it asks back
client, server, port = pair(7001)
inject(7001, port, following[7001, port] + 100, RST)
upload(client, server)
finish(client, server)

# a SYN on a live connection: the server asks back
client, server, port = pair(7002)
inject(port, 7002, following[port, 7002] + 1_000_000_000, SYN)
upload(client, server)
finish(client, server)

# SO_LINGER 0
client, server, port = pair(7003)
server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
server.close()
time.sleep(0.05)
client.close()

# closed with something unread: a reset right behind the data
client, server, port = pair(7004)
client.sendall(b'unread')
time.sleep(0.05)
server.sendall(b'hello')
server.close()
time.sleep(0.05)
client.close()

# a reset where the client stands: it believes it; the server knows nothing of it and goes on
client, server, port = pair(7005)
inject(7005, port, following[7005, port], RST)
try:
    client.recv(100)
    raise SystemExit('the client did not believe it')
except ConnectionResetError:
    pass
server.sendall(b'are you there?')
time.sleep(0.05)
server.close()
client.close()

# refused
try:
    socket.create_connection((HOST, 7006))
    raise SystemExit('somebody listens')
except ConnectionRefusedError:
    pass
print('done', flush=True)
