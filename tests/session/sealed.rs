//! A session on a connection whose bodies are sealed.

use refpoint::cim::Catalog;
use refpoint::client::{Dial, Session, Target};
use refpoint::transport::Connection;
use refpoint::wsman::decode_request;
use refpoint::xml::Limits;

use crate::peer::{Peer, http, options, start};
use crate::support::{Answer, call, machine, path, succeed};

#[tokio::test(start_paused = true)]
async fn what_a_session_asks_and_hears_is_sealed() {
    for method in [refpoint::client::Method::Ntlm, refpoint::client::Method::Negotiate] {
        let dial = Dial::new(move |endpoint, options| async move {
            let peer = Peer::for_method(method).operation(|body| {
                let text = std::str::from_utf8(body).unwrap();
                let incoming = decode_request(text, Catalog::bundled(), &Limits::default()).unwrap();
                match succeed(&incoming) {
                    Answer::Message(text) => text.into_bytes(),
                    _ => unreachable!(),
                }
            });
            Connection::over(start(peer), &endpoint, options).await
        });
        let mut session = Session::with(Target::new(http(), options(method)), dial).await.unwrap();
        assert_eq!(session.get(&path()).await.unwrap(), machine(1));
        assert_eq!(session.invoke(&call()).await.unwrap().code(), Some(0));
        let logged_in = session.logged_in().unwrap();
        assert!(logged_in.is_sealed && logged_in.warnings.is_empty());
        assert_eq!(logged_in.report.chosen.to_string(), "NTLMv2");
    }
}
