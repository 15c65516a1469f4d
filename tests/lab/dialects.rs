use refpoint::auth::sealed;

use crate::support::{Lab, identify, version};

#[tokio::test(start_paused = true)]
async fn every_dialect_says_the_same_sealed() {
    for (dialect, sign) in [
        ("chunked = true", "transfer-encoding"),
        ("encoding = 'utf-16le'", "charset=UTF-16"),
        ("encoding = 'utf-16be'\nchunked = true", "charset=UTF-16"),
        ("byte_order_mark = true", "\u{FEFF}"),
        ("like = 'omi'\nwhite_space = true", "<SOAP-ENV:Envelope"),
        ("prefixes = 'numbered'\nextra_headers = true", "<ns1:Envelope"),
    ] {
        let lab = Lab::new(&format!("[dialect]\n{dialect}"));
        let mut client = lab.log_in().await;
        for _ in 0..2 {
            let answer = client.ask_raw(&identify()).await.unwrap();
            let content_type = answer.header("content-type").unwrap().to_owned();
            let seal = client.seal.as_mut().unwrap();
            let opened = sealed::open(&mut **seal, &content_type, answer.body, usize::MAX).unwrap();
            let charset = opened.content_type.split("charset=").nth(1);
            let text = refpoint::xml::decode(&opened.message, charset).unwrap();
            assert!(version(&text).starts_with("OS: 10.0"), "{dialect}");
            let raw = String::from_utf8_lossy(&opened.message);
            let seen = format!("{}\n{}\n{raw}", answer.head.to_lowercase(), opened.content_type);
            assert!(seen.contains(sign), "{dialect}: {seen}");
        }
    }
}
