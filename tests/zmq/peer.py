"""A socket of libzmq that does what it is told: a line of JSON for each command, and a line for its answer.

    peer.py TYPE bind|connect ADDRESS [NAME=NUMBER …]

NAME=NUMBER are options of the socket. Frames are texts in Latin-1, so that each letter is a byte.
"""

import json
import sys
import time

import zmq

# A command that gets nothing for so long has failed; the test has its own, shorter patience.
PATIENCE = 30_000


def text(frames):
    return [frame.decode("latin-1") for frame in frames]


def frames(texts):
    return [text.encode("latin-1") for text in texts]


def send(socket, command):
    for number in range(command.get("times", 1)):
        socket.send_multipart([frame.replace(b"%d", b"%d" % number) for frame in frames(command["frames"])])
        time.sleep(command.get("pause", 0))
    return {}


def receive(socket, command):
    return {"messages": [text(socket.recv_multipart()) for _ in range(command.get("times", 1))]}


def count(socket, command):
    """Receives up to the message `end`, a frame or several; how many came before it that begin with `start`."""
    end = command["end"]
    end, start = frames(end if isinstance(end, list) else [end]), frames([command["start"]])[0]
    messages = 0
    while (message := socket.recv_multipart()) != end:
        messages += message[0].startswith(start)
    return {"messages": messages}


def echo(socket, command):
    """Answers as a REP does, with what was asked."""
    for _ in range(command.get("times", 1)):
        socket.send_multipart(socket.recv_multipart())
    return {}


def subscribe(socket, command):
    for prefix in frames(command.get("add", [])):
        socket.setsockopt(zmq.SUBSCRIBE, prefix)
    for prefix in frames(command.get("remove", [])):
        socket.setsockopt(zmq.UNSUBSCRIBE, prefix)
    return {}


COMMANDS = {"send": send, "receive": receive, "count": count, "echo": echo, "subscribe": subscribe}


def main():
    kind, how, address, *options = sys.argv[1:]
    socket = zmq.Context().socket(getattr(zmq, kind))
    for option in options:
        name, value = option.split("=")
        socket.setsockopt(getattr(zmq, name), int(value))
    socket.setsockopt(zmq.LINGER, 0)
    socket.setsockopt(zmq.RCVTIMEO, PATIENCE)
    socket.setsockopt(zmq.SNDTIMEO, PATIENCE)
    socket.bind(address) if how == "bind" else socket.connect(address)
    print(json.dumps({"address": socket.getsockopt(zmq.LAST_ENDPOINT).decode()}), flush=True)
    for line in sys.stdin:
        command = json.loads(line)
        print(json.dumps(COMMANDS[command["do"]](socket, command)), flush=True)


main()
