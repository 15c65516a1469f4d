//! A hundred thousand instances, a page at a time.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use refpoint::client::{Direction, Item, Tap};

use crate::support::{MACHINE, Meeting};

const CLASS: &str = "Msvm_ResourceAllocationSettingData";

/// What has come and what was handed on, at each request for more.
#[derive(Default)]
struct Books {
    handed: AtomicUsize,
    came: AtomicUsize,
    largest: AtomicUsize,
    requests: AtomicUsize,
    /// The most that had come and was not handed on when the next page was asked for.
    most_waiting: Mutex<usize>,
}

async fn stream(count: usize, max_elements: u32, max_envelope_size: u32) -> Arc<Books> {
    stream_some(count, max_elements, max_envelope_size, count).await
}

/// The same, and takes no more than so many of them.
async fn stream_some(count: usize, max_elements: u32, max_envelope_size: u32, wanted: usize) -> Arc<Books> {
    // No machines, so that there are no others of the class.
    let scenario = format!(
        "[[instances]]\nclass = '{CLASS}'\ncount = {count}\n[[machine]]\nid = '{MACHINE}'\nname = 'x'\n"
    );
    let meeting = Meeting::new(&scenario);
    let books = Arc::new(Books::default());
    let mut target = meeting.target();
    (target.max_elements, target.max_envelope_size) = (max_elements, max_envelope_size);
    let of_tap = books.clone();
    target.tap = Some(Tap::new(move |message| match message.direction {
        Direction::Sent => {
            of_tap.requests.fetch_add(1, Ordering::Relaxed);
            let (came, handed) = (of_tap.came.load(Ordering::Relaxed), of_tap.handed.load(Ordering::Relaxed));
            let most = &mut *of_tap.most_waiting.lock().unwrap();
            *most = (*most).max(came - handed);
        }
        Direction::Received => {
            let text = std::str::from_utf8(message.body).unwrap();
            let items = text.matches("<p:InstanceID>").count();
            assert!(items <= max_elements as usize && text.len() <= max_envelope_size as usize);
            of_tap.came.fetch_add(items, Ordering::Relaxed);
            of_tap.largest.fetch_max(text.len(), Ordering::Relaxed);
        }
    }));
    let mut session = meeting.try_session(target).await.unwrap();
    let mut list = session.enumerate(CLASS);
    let mut number = 0;
    while number < wanted {
        let item = list.next().await.unwrap();
        number += 1;
        books.handed.fetch_add(1, Ordering::Relaxed);
        let Item::Object(instance) = item.unwrap() else { panic!("an object") };
        assert_eq!(instance.text("InstanceID"), Some(&*format!("Microsoft:lab-0-{number:08}")), "in order");
    }
    if wanted == count {
        assert!(list.next().await.is_none());
    }
    drop(list);
    session.close().await.unwrap();
    assert_eq!(meeting.open_contexts(), 0);
    books
}

/// The next page is asked for when nothing is left of the last one, and not before.
#[tokio::test(start_paused = true)]
async fn a_hundred_thousand_instances_are_streamed_with_one_page_held() {
    let books = stream(100_000, 32_000, 512_000).await;
    assert_eq!(books.came.load(Ordering::Relaxed), 100_000);
    assert_eq!(*books.most_waiting.lock().unwrap(), 0, "more than a page is held");
    let (pages, largest) = (books.requests.load(Ordering::Relaxed), books.largest.load(Ordering::Relaxed));
    // The envelope is what bounds a page, and it is used.
    assert!((100..500).contains(&pages) && (400_000..=512_000).contains(&largest), "{pages} {largest}");
}

#[tokio::test(start_paused = true)]
async fn pages_are_as_small_as_they_have_to_be() {
    for (max_elements, max_envelope_size) in [(7, 512_000), (32_000, 8192), (32_000, 20_000), (1, 512_000)] {
        let books = stream(300, max_elements, max_envelope_size).await;
        assert_eq!(*books.most_waiting.lock().unwrap(), 0);
        assert!(books.requests.load(Ordering::Relaxed) >= 300 / max_elements as usize);
    }
}

/// The measure of the tests above is not always nothing: who leaves in the middle of a page leaves the rest of it.
#[tokio::test(start_paused = true)]
async fn what_is_left_of_a_page_is_seen_by_who_counts() {
    let books = stream_some(300, 7, 512_000, 3).await;
    assert_eq!(*books.most_waiting.lock().unwrap(), 4);
}
