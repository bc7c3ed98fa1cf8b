//! Between the daemon and a server: holds back what goes there, and cuts connections.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

pub struct Proxy {
    pub url: String,
    port: u16,
    holds: Rc<Cell<bool>>,
    goes_on: Rc<Notify>,
    connections: Rc<RefCell<Vec<JoinHandle<()>>>>,
}

impl Proxy {
    /// One in front of this server.
    pub async fn start(server: SocketAddr) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (url, port) = (format!("nats://{address}"), address.port());
        let proxy =
            Proxy { url, port, holds: Rc::default(), goes_on: Rc::default(), connections: Rc::default() };
        let (holds, goes_on) = (Rc::clone(&proxy.holds), Rc::clone(&proxy.goes_on));
        let connections = Rc::clone(&proxy.connections);
        actix_rt::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (holds, goes_on) = (Rc::clone(&holds), Rc::clone(&goes_on));
                connections.borrow_mut().push(actix_rt::spawn(forward(client, server, holds, goes_on)));
            }
        });
        proxy
    }

    /// Nothing more goes to the server.
    pub fn hold(&self) {
        self.holds.set(true);
    }

    /// Bytes that have come for the server and were not read, as the kernel knows.
    pub fn unread(&self) -> u64 {
        let table = std::fs::read_to_string("/proc/net/tcp").expect("the kernel's table");
        let local = format!("0100007F:{:04X}", self.port);
        let row = |line: &str| {
            let mut words = line.split_whitespace().skip(1);
            let is_ours = words.next()? == local;
            let queues = words.nth(2)?;
            is_ours.then(|| u64::from_str_radix(queues.split(':').nth(1)?, 16).ok())?
        };
        table.lines().filter_map(row).sum()
    }

    /// Ends all connections, and lets new ones through.
    pub fn cut(&self) {
        self.connections.borrow_mut().drain(..).for_each(|connection| connection.abort());
        self.holds.set(false);
        self.goes_on.notify_waiters();
    }
}

async fn forward(mut client: TcpStream, server: SocketAddr, holds: Rc<Cell<bool>>, goes_on: Rc<Notify>) {
    let Ok(mut server) = TcpStream::connect(server).await else { return };
    let ((mut from_client, mut to_client), (mut from_server, mut to_server)) =
        (client.split(), server.split());
    let there = async {
        let mut bytes = vec![0; 16 << 10];
        loop {
            while holds.get() {
                goes_on.notified().await;
            }
            match from_client.read(&mut bytes).await {
                Ok(read) if read > 0 && to_server.write_all(&bytes[..read]).await.is_ok() => {}
                _ => return,
            }
        }
    };
    tokio::select! {
        () = there => {}
        _ = tokio::io::copy(&mut from_server, &mut to_client) => {}
    }
}
