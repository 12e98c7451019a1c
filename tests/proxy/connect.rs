//! CONNECT in the forms that real clients send, and what they speak after it.

use crate::bench::*;

#[tokio::test]
async fn a_host_out_of_scope_is_tunnelled_unseen() {
    let echo = script(|mut conn| async move {
        let bytes = conn.exactly(5).await;
        conn.send([b"echo ", &bytes[..]].concat()).await;
    });
    let origin = Origin::plain(echo).await;
    let proxy = Proxy::start(|settings| settings.resolve.push(origin.stands_for("api.vendor.example"))).await;
    let mut client = proxy.tunnel("api.vendor.example:443").await;
    client.send(b"\x16\x03hi\0").await;
    assert_eq!(client.rest().await, b"echo \x16\x03hi\0");
    drop(client);
    assert_eq!(proxy.last_exchanges().await.len(), 0);
}
