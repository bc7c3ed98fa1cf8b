"""A relay of device states between Asterisks as one writes it with pyzmq: what one module publishes is set at all others.

    relay.py CMD EVT [CMD EVT …]        HOST:PORT of each; prints a line when all modules have been heard
"""

import json
import sys

import zmq


def socket(context, kind, address):
    opened = context.socket(kind)
    opened.set_hwm(0)
    opened.connect(f"tcp://{address}")
    return opened


def main():
    context = zmq.Context()
    addresses = list(zip(sys.argv[1::2], sys.argv[2::2]))
    commands = [socket(context, zmq.DEALER, cmd) for cmd, _ in addresses]
    events = [socket(context, zmq.SUB, evt) for _, evt in addresses]
    poller = zmq.Poller()
    for opened in commands + events:
        poller.register(opened, zmq.POLLIN)
    for opened in events:
        opened.subscribe(b"")
    silent = set(events)
    while True:
        for opened, _ in poller.poll():
            while True:
                try:
                    frames = opened.recv_multipart(zmq.NOBLOCK)
                except zmq.Again:
                    break
                if opened in commands:
                    continue
                if opened in silent:
                    silent.remove(opened)
                    if not silent:
                        print("all modules are heard", flush=True)
                event = json.loads(frames[-1])
                device = event.get("Device", "")
                if event.get("Event") != "DeviceStateChange" or device.startswith("Custom:"):
                    continue
                action = {
                    "Action": "Setvar",
                    "ActionID": "1",
                    "Variable": f"DEVICE_STATE(Custom:{device})",
                    "Value": event["State"],
                }
                message = [b"", json.dumps(action).encode()]
                for other, source in zip(commands, events):
                    if source is not opened:
                        other.send_multipart(message)


if __name__ == "__main__":
    main()
