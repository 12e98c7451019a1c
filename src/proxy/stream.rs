//! The kinds of byte streams that the proxy speaks HTTP over, behind one concrete type.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::{client, server};

/// A TCP stream whose first bytes have been read already, by looking at what the client speaks.
pub(super) struct Rewound {
    ahead: BytesMut,
    tcp: TcpStream,
}

impl Rewound {
    pub fn new(ahead: BytesMut, tcp: TcpStream) -> Rewound {
        Rewound { ahead, tcp }
    }
}

impl AsyncRead for Rewound {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.ahead.is_empty() {
            return Pin::new(&mut self.tcp).poll_read(cx, buffer);
        }
        let length = self.ahead.len().min(buffer.remaining());
        buffer.put_slice(self.ahead.get(..length).unwrap_or_default());
        self.ahead.advance(length);
        if self.ahead.is_empty() {
            self.ahead = BytesMut::new();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Rewound {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.tcp).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.tcp).poll_write_vectored(cx, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.tcp.is_write_vectored()
    }
}

pub(super) enum Stream {
    Tcp(TcpStream),
    /// TLS with a client.
    Server(Box<server::TlsStream<Rewound>>),
    /// TLS with an upstream.
    Client(Box<client::TlsStream<Road>>),
    /// TLS with a parent proxy, and nothing within it that is ours.
    Parent(Box<client::TlsStream<TcpStream>>),
}

/// What leads to an upstream: TCP, or a tunnel within the TLS of a parent proxy.
pub(super) enum Road {
    Tcp(TcpStream),
    Parent(Box<client::TlsStream<TcpStream>>),
}

impl From<Road> for Stream {
    fn from(road: Road) -> Stream {
        match road {
            Road::Tcp(tcp) => Stream::Tcp(tcp),
            Road::Parent(tls) => Stream::Parent(tls),
        }
    }
}

impl Stream {
    /// The TCP stream, where there is no TLS around it.
    pub fn into_tcp(self) -> Option<TcpStream> {
        match self {
            Stream::Tcp(tcp) => Some(tcp),
            _ => None,
        }
    }
}

macro_rules! reads_and_writes {
    ($kind:ident: $($variant:ident)+) => {
        impl AsyncRead for $kind {
            fn poll_read(
                mut self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buffer: &mut ReadBuf<'_>,
            ) -> Poll<io::Result<()>> {
                match &mut *self { $($kind::$variant(inner) => Pin::new(inner).poll_read(cx, buffer),)+ }
            }
        }

        impl AsyncWrite for $kind {
            fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
                match &mut *self { $($kind::$variant(inner) => Pin::new(inner).poll_write(cx, bytes),)+ }
            }

            fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                match &mut *self { $($kind::$variant(inner) => Pin::new(inner).poll_flush(cx),)+ }
            }

            fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                match &mut *self { $($kind::$variant(inner) => Pin::new(inner).poll_shutdown(cx),)+ }
            }

            fn poll_write_vectored(
                mut self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                parts: &[io::IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                match &mut *self { $($kind::$variant(inner) => Pin::new(inner).poll_write_vectored(cx, parts),)+ }
            }

            fn is_write_vectored(&self) -> bool {
                match self { $($kind::$variant(inner) => inner.is_write_vectored(),)+ }
            }
        }
    };
}

reads_and_writes!(Stream: Tcp Server Client Parent);
reads_and_writes!(Road: Tcp Parent);
