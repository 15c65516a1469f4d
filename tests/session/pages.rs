//! Pages of every size.

use refpoint::wsman::{Enumerate, Opening, Page, Request};

use crate::support::{
    Host, Machines, answer, context_gone, number, quota, refuse, succeed, target, timed_out,
};

fn asked_sizes(host: &Host) -> Vec<u32> {
    let sizes = host.seen().into_iter().filter_map(|incoming| match incoming.request {
        Request::Enumerate(Enumerate { opening: Opening::FirstPage { max_elements }, .. }) => max_elements,
        Request::Pull(pull) => pull.max_elements,
        _ => None,
    });
    sizes.collect()
}

#[tokio::test(start_paused = true)]
async fn what_does_not_fit_is_asked_for_in_smaller_pages_that_grow_again() {
    let machines = Machines::new(1000, 40).strict();
    let host = Host::new({
        let machines = machines.clone();
        move |incoming| machines.serve(incoming)
    });
    let mut session = host.session().await;
    let items = session.enumerate("Msvm_ComputerSystem").instances().await.unwrap();
    assert!(items.iter().map(number).eq(0..1000));
    let sizes = asked_sizes(&host);
    assert_eq!(sizes[..8], [32_000, 4_000, 500, 62, 7, 14, 28, 56]);
    let too_many = sizes.iter().filter(|size| **size > 40).count();
    assert!(too_many < 8, "most pages fit: {sizes:?}");
    assert_eq!((machines.open(), machines.stale()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn the_targets_most_is_the_most_of_a_page() {
    let machines = Machines::new(10, 100);
    let host = Host::new({
        let machines = machines.clone();
        move |incoming| machines.serve(incoming)
    });
    let mut target = target();
    target.max_elements = 4;
    let mut session = host.session_with(target).await.unwrap();
    let mut list = session.enumerate("Msvm_ComputerSystem");
    let mut pages = Vec::new();
    while let Some(page) = list.next_page().await {
        pages.push(page.unwrap().len());
    }
    assert_eq!(pages, [4, 4, 2]);
}

#[tokio::test(start_paused = true)]
async fn a_page_that_was_begun_by_item_is_finished_as_a_page() {
    let machines = Machines::new(10, 4);
    let host = Host::new(move |incoming| machines.serve(incoming));
    let mut session = host.session().await;
    let mut list = session.enumerate("Msvm_ComputerSystem");
    list.next().await.unwrap().unwrap();
    assert_eq!(list.next_page().await.unwrap().unwrap().len(), 3);
    assert_eq!(list.next_page().await.unwrap().unwrap().len(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_pull_whose_time_ran_out_goes_on_with_the_same_context() {
    let machines = Machines::new(30, 10);
    let mut pulls = 0;
    let host = Host::new({
        let machines = machines.clone();
        move |incoming| match incoming.request {
            Request::Pull(_) => {
                pulls += 1;
                match pulls {
                    1 | 2 => refuse(incoming, &timed_out()),
                    3 => refuse(incoming, &quota()),
                    _ => machines.serve(incoming),
                }
            }
            _ => machines.serve(incoming),
        }
    });
    let mut session = host.session().await;
    let items = session.enumerate("Msvm_ComputerSystem").instances().await.unwrap();
    assert!(items.iter().map(number).eq(0..30));
    let contexts: Vec<_> = host
        .seen()
        .into_iter()
        .filter_map(|incoming| match incoming.request {
            Request::Pull(pull) => Some(pull.context),
            _ => None,
        })
        .collect();
    assert_eq!(contexts, ["1", "1", "1", "1", "2"]);
}

#[tokio::test(start_paused = true)]
async fn a_pull_whose_context_is_gone_after_its_time_ran_out_is_no_end() {
    let mut pulls = 0;
    let host = Host::new(move |incoming| match &incoming.request {
        Request::Enumerate(enumerate) => {
            let page = Page { context: Some("only".into()), ..Page::default() };
            answer(incoming, enumerate, Ok(&page))
        }
        Request::Pull(_) => {
            pulls += 1;
            refuse(incoming, &if pulls == 1 { timed_out() } else { context_gone() })
        }
        _ => succeed(incoming),
    });
    let mut session = host.session().await;
    let error = session.enumerate("Msvm_ComputerSystem").instances().await.unwrap_err();
    assert!(error.is_context_gone() && !error.is_not_found(), "{error:?}");
    session.close().await.unwrap();
    assert_eq!(host.releases(), 0, "what is gone need not be released");
}

#[tokio::test(start_paused = true)]
async fn an_enumeration_that_is_closed_half_way_is_released() {
    let machines = Machines::new(30, 10);
    let host = Host::new({
        let machines = machines.clone();
        move |incoming| machines.serve(incoming)
    });
    let mut session = host.session().await;
    let mut list = session.enumerate("Msvm_ComputerSystem");
    list.next().await.unwrap().unwrap();
    assert_eq!(machines.open(), 1);
    list.close().await.unwrap();
    assert_eq!((machines.open(), host.releases(), host.connections()), (0, 1, 1));
}

#[tokio::test(start_paused = true)]
async fn an_enumeration_that_was_never_asked_asks_nothing() {
    let host = Host::new(succeed);
    let mut session = host.session().await;
    drop(session.enumerate("Msvm_ComputerSystem"));
    session.close().await.unwrap();
    assert_eq!(host.seen().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_hundred_thousand_objects_pass_a_page_at_a_time() {
    let machines = Machines::new(100_000, 1_000);
    let host = Host::new({
        let machines = machines.clone();
        move |incoming| machines.serve(incoming)
    });
    let mut session = host.session().await;
    let mut list = session.enumerate("Msvm_ComputerSystem");
    let mut came = 0;
    while let Some(page) = list.next_page().await {
        let page = page.unwrap();
        assert!(page.len() <= 1_000);
        came += page.len();
    }
    drop(list);
    assert_eq!((came, session.counters().requests), (100_000, 100));
}
