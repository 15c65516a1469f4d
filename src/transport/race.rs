use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::timeout;

use super::Tried;

/// Tries the addresses of one name against each other, [RFC 8305]: each gets a little start on the next, and
/// the first that answers wins. An address that is silent, as those of a family that leads nowhere are, so
/// costs a quarter of a second and not the patience of the whole connection.
pub(super) async fn race<T, F>(
    addresses: Vec<SocketAddr>,
    connect: impl Fn(SocketAddr) -> F,
) -> Result<T, Vec<Tried>>
where
    T: Send + 'static,
    F: Future<Output = io::Result<T>> + Send + 'static,
{
    let mut waiting = in_turns(addresses).into_iter().peekable();
    // Those that lose are ended when this is dropped.
    let mut running = JoinSet::new();
    let mut tried = Vec::new();
    loop {
        if let Some(address) = waiting.next() {
            let connecting = connect(address);
            running.spawn(async move { (address, connecting.await) });
        }
        let ended = match waiting.peek() {
            None => running.join_next().await,
            Some(_) => match timeout(START, running.join_next()).await {
                Ok(ended) => ended,
                Err(_) => continue,
            },
        };
        match ended {
            Some(Ok((_, Ok(stream)))) => return Ok(stream),
            Some(Ok((address, Err(error)))) => tried.push(Tried { address, error }),
            Some(Err(error)) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            // The runtime is going down.
            Some(Err(_)) => {}
            None => return Err(tried),
        }
    }
}

/// Lets the two families take turns, in the order the system gave, [RFC 8305] section 4.
fn in_turns(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let Some(first) = addresses.first().copied() else { return addresses };
    let (one, other): (Vec<_>, Vec<_>) =
        addresses.into_iter().partition(|address| address.is_ipv4() == first.is_ipv4());
    let (mut one, mut other) = (one.into_iter(), other.into_iter());
    let mut ordered = Vec::new();
    loop {
        let pair = [one.next(), other.next()];
        if pair == [None, None] {
            return ordered;
        }
        ordered.extend(pair.into_iter().flatten());
    }
}

/// Connection Attempt Delay, [RFC 8305] section 8.
const START: Duration = Duration::from_millis(250);

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Arc, Mutex};

    use tokio::net::{TcpListener, TcpStream};
    use tokio::time::{Instant, sleep};

    use super::*;

    const DEAD: &str = "[2001:db8::1]:5985";
    const SLOW: &str = "192.0.2.1:5985";
    const GOOD: &str = "192.0.2.2:5985";
    const REFUSING: &str = "[2001:db8::2]:5985";

    fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    /// Nobody is connected to: each address has its answer, and its time.
    async fn answer(address: SocketAddr) -> io::Result<SocketAddr> {
        match address.to_string().as_str() {
            DEAD => std::future::pending().await,
            SLOW => sleep(Duration::from_secs(2)).await,
            REFUSING => return Err(io::ErrorKind::ConnectionRefused.into()),
            _ => sleep(Duration::from_millis(20)).await,
        }
        Ok(address)
    }

    async fn raced(texts: &[&str]) -> (Result<SocketAddr, Vec<SocketAddr>>, u128) {
        let started = Instant::now();
        let result = race(addresses(texts), answer).await;
        let result = result.map_err(|tried| tried.into_iter().map(|tried| tried.address).collect());
        (result, started.elapsed().as_millis())
    }

    #[tokio::test(start_paused = true)]
    async fn a_dead_address_costs_its_start_and_no_more() {
        let good = Ok(GOOD.parse().unwrap());
        assert_eq!(raced(&[DEAD, GOOD]).await, (good.clone(), 270));
        assert_eq!(raced(&[DEAD, SLOW, GOOD]).await, (good.clone(), 520));
        // A refusal is an answer: the next is not kept waiting.
        assert_eq!(raced(&[REFUSING, GOOD]).await, (good.clone(), 20));
        assert_eq!(raced(&[GOOD, DEAD]).await, (good, 20));
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_address_still_wins_where_no_other_answers() {
        assert_eq!(raced(&[SLOW, DEAD, REFUSING]).await, (Ok(SLOW.parse().unwrap()), 2000));
    }

    #[tokio::test(start_paused = true)]
    async fn where_all_refuse_each_is_named() {
        let other = "192.0.2.9:1";
        let refuse = |_| async { Err::<(), _>(io::ErrorKind::ConnectionRefused.into()) };
        let tried = race(addresses(&[REFUSING, other]), refuse).await.unwrap_err();
        let tried: Vec<_> = tried.into_iter().map(|tried| tried.address).collect();
        assert_eq!(tried, addresses(&[REFUSING, other]));
        assert_eq!(raced(&[]).await, (Err(Vec::new()), 0));
    }

    #[test]
    fn the_families_take_turns() {
        let given = addresses(&["[::1]:1", "[::2]:1", "[::3]:1", "10.0.0.1:1", "10.0.0.2:1"]);
        let turns = addresses(&["[::1]:1", "10.0.0.1:1", "[::2]:1", "10.0.0.2:1", "[::3]:1"]);
        assert_eq!(in_turns(given), turns);
        let only = addresses(&["10.0.0.1:1", "10.0.0.2:1"]);
        assert_eq!(in_turns(only.clone()), only);
    }

    #[tokio::test(start_paused = true)]
    async fn those_that_lose_are_ended() {
        struct Counted(Arc<AtomicUsize>);
        impl Drop for Counted {
            fn drop(&mut self) {
                self.0.fetch_sub(1, Ordering::SeqCst);
            }
        }
        let running = Arc::new(AtomicUsize::new(0));
        let connect = |address| {
            running.fetch_add(1, Ordering::SeqCst);
            let counted = Counted(running.clone());
            async move {
                let answer = answer(address).await;
                drop(counted);
                answer
            }
        };
        race(addresses(&[DEAD, SLOW, GOOD]), connect).await.unwrap();
        tokio::task::yield_now().await;
        assert_eq!(running.load(Ordering::SeqCst), 0);
    }

    #[tokio::test]
    async fn a_host_that_listens_on_one_family_is_reached() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let order = Arc::new(Mutex::new(Vec::new()));
        let connect = |address: SocketAddr| {
            order.lock().unwrap().push(address.is_ipv6());
            TcpStream::connect(address)
        };
        let addresses =
            vec![SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], port)), listener.local_addr().unwrap()];
        let stream = race(addresses, connect).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), listener.local_addr().unwrap());
        assert_eq!(*order.lock().unwrap(), [true, false]);
    }
}
