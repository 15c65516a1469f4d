//! How fast messages are sealed and opened, beside the bare primitives over the same bytes.
//!
//! The floor is RC4 and HMAC-MD5 alone, over the same pieces, with the keyed state of the HMAC kept as a session
//! keeps it: what no implementation on these crates can beat. `sealed` does the same work through the session's seal, `body` through the multipart framing as well. Each message is
//! processed twice an iteration (sealed and opened), and the throughput counts both.

#![expect(clippy::unwrap_used, reason = "a bench that fails should stop")]

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use rc4::{Rc4, StreamCipher};
use refpoint::auth::ntlm::{Flags, Sealer, Side};
use refpoint::auth::{Seal, Secret, sealed};

const KEY: [u8; 16] = [0x55; 16];
const CONTENT_TYPE: &str = "application/soap+xml;charset=UTF-8";

fn pair() -> (Sealer, Sealer) {
    let key = Secret::new(KEY);
    (Sealer::new(&key, Flags::WANTED, Side::Client), Sealer::new(&key, Flags::WANTED, Side::Server))
}

fn floor(keyed: &Hmac<Md5>, cipher: &mut Rc4, message: &mut [u8]) -> [u8; 16] {
    let mut mac = keyed.clone();
    mac.update(&[0; 4]);
    for piece in message.chunks_mut(16 << 10) {
        mac.update(piece);
        cipher.apply_keystream(piece);
    }
    let mut checksum: [u8; 16] = mac.finalize().into_bytes().into();
    cipher.apply_keystream(&mut checksum[..8]);
    checksum
}

fn sealing(criterion: &mut Criterion) {
    for (name, size) in [("2KiB", 2 << 10), ("64KiB", 64 << 10), ("4MiB", 4 << 20)] {
        let message: Vec<u8> = (0..size).map(|at: usize| at.to_le_bytes()[0]).collect();
        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Bytes(2 * size as u64));
        group.sample_size(20);

        let (keyed, mut cipher) =
            (Hmac::<Md5>::new_from_slice(&KEY).unwrap(), Rc4::new_from_slice(&KEY).unwrap());
        group.bench_function("floor", |bencher| {
            let run = |mut message: Vec<u8>| {
                black_box(floor(&keyed, &mut cipher, &mut message));
                black_box(floor(&keyed, &mut cipher, &mut message));
                message
            };
            bencher.iter_batched(|| message.clone(), run, BatchSize::LargeInput);
        });

        let (mut client, mut server) = pair();
        group.bench_function("sealed", |bencher| {
            let run = |mut message: Vec<u8>| {
                let token = client.seal(&mut message).unwrap();
                server.unseal(&token, &mut message).unwrap();
                message
            };
            bencher.iter_batched(|| message.clone(), run, BatchSize::LargeInput);
        });

        let (mut client, mut server) = pair();
        group.bench_function("body", |bencher| {
            let run = |message: Vec<u8>| {
                let body = sealed::seal(&mut client, CONTENT_TYPE, message).unwrap();
                sealed::open(&mut server, &body.content_type, body.body, usize::MAX).unwrap()
            };
            bencher.iter_batched(|| message.clone(), run, BatchSize::LargeInput);
        });
        group.finish();
    }
}

criterion_group!(benches, sealing);
criterion_main!(benches);
