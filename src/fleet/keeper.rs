use std::any::Any;
use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};

use tokio::sync::oneshot;

use crate::ledger::{Error, Ledger};

/// The ledger, for tasks that must not block: a thread does what they want of it, one thing after the other, and
/// they wait.
///
/// Bringing something to disk takes milliseconds, however much it is: what has come in meanwhile is done together.
///
/// ```
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/in_memory.rs"));
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = Folder::new();
/// use refpoint::fleet::Keeper;
/// use refpoint::ledger::Ledger;
///
/// let keeper = Keeper::new(Ledger::open(folder.0.join("ledger.db"))?);
/// let another = keeper.clone();
/// let runs = tokio::spawn(async move { another.with(|ledger| ledger.open_exports(None)).await });
/// assert!(runs.await??.is_empty());
/// # Ok(())
/// # }
/// ```
///
/// With the last of its clones the ledger is closed, and the thread has nothing in hand any more: what is on disk
/// then is one whole file.
#[derive(Clone)]
pub struct Keeper {
    kept: Arc<Kept>,
}

/// What all clones of a keeper share, and the thread does not: it goes with the last of them.
struct Kept {
    shared: Arc<Shared>,
}

struct Shared {
    /// None once nobody is left who could want anything of it.
    ledger: Mutex<Option<Ledger>>,
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Task>,
    /// Whether a thread is at work that looks here before it ends.
    is_served: bool,
    /// Which one it is, once it has begun.
    server: Option<ThreadId>,
}

/// Something to be done; or why nothing can be. What it returns is called when it is on disk, or is not.
type Task = Box<dyn FnOnce(Result<&mut Ledger, Error>) -> Answer + Send>;

type Answer = Box<dyn FnOnce(Option<Error>) + Send>;

impl Keeper {
    /// Keeps a ledger.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/in_memory.rs"));
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = Folder::new();
    /// use refpoint::fleet::Keeper;
    /// use refpoint::ledger::Ledger;
    ///
    /// let keeper = Keeper::new(Ledger::open(folder.0.join("ledger.db"))?);
    /// // From now on tasks share it.
    /// let _another = keeper.clone();
    /// # Ok(())
    /// # }
    /// ```
    pub fn new(ledger: Ledger) -> Self {
        let shared = Arc::new(Shared { ledger: Mutex::new(Some(ledger)), queue: Mutex::default() });
        Self { kept: Arc::new(Kept { shared }) }
    }

    /// Returns once the work is done, and what it wrote is on disk.
    ///
    /// ```
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/in_memory.rs"));
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = Folder::new();
    /// use refpoint::fleet::Keeper;
    /// use refpoint::ledger::Ledger;
    ///
    /// let keeper = Keeper::new(Ledger::open(folder.0.join("ledger.db"))?);
    /// let begun = keeper.with(|ledger| ledger.open_exports(Some("HV01"))).await?;
    /// assert!(begun.is_empty());
    /// # Ok(())
    /// # }
    /// ```
    pub async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Ledger) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let (sender, answered) = oneshot::channel::<Result<Result<T, Error>, Box<dyn Any + Send>>>();
        let task: Task = Box::new(move |ledger| {
            // A panic in between leaves the database as it was, and is the caller's.
            let done = match ledger {
                Ok(ledger) => catch_unwind(AssertUnwindSafe(|| work(ledger))),
                Err(error) => Ok(Err(error)),
            };
            Box::new(move |lost| {
                let answer = match (done, lost) {
                    (Ok(Ok(_)), Some(lost)) => Ok(Err(lost)),
                    (done, _) => done,
                };
                // Whoever has gone does not want to know.
                let _ = sender.send(answer);
            })
        });
        let is_served = {
            let mut queue = lock(&self.kept.shared.queue);
            queue.waiting.push_back(task);
            std::mem::replace(&mut queue.is_served, true)
        };
        if !is_served {
            let shared = self.kept.shared.clone();
            tokio::task::spawn_blocking(move || shared.serve());
        }
        match answered.await {
            Ok(Ok(done)) => done,
            Ok(Err(panic)) => resume_unwind(panic),
            // The runtime is being shut down: nobody is left to hear of it.
            Err(_) => std::future::pending().await,
        }
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        // A task that itself held the last clone: its thread closes the ledger when it ends.
        if lock(&self.shared.queue).server == Some(thread::current().id()) {
            return;
        }
        // Waits for what the thread has in hand: a process that ended meanwhile would leave its last writes in the
        // log beside the file, where whoever copies the file alone does not find them.
        drop(lock(&self.shared.ledger).take());
    }
}

impl Shared {
    /// Does what is waiting until nothing is.
    fn serve(&self) {
        let mut kept = lock(&self.ledger);
        // Whoever asked has gone before it was begun.
        let Some(ledger) = kept.as_mut() else { return };
        let path = ledger.path().to_owned();
        lock(&self.queue).server = Some(thread::current().id());
        loop {
            let mut tasks: Vec<Task> = {
                let mut queue = lock(&self.queue);
                let count = queue.waiting.len().min(MOST_TOGETHER);
                if count == 0 {
                    queue.is_served = false;
                    queue.server = None;
                    return;
                }
                queue.waiting.drain(..count).collect()
            };
            match tasks.len() {
                1 => tasks.drain(..).for_each(|task| task(Ok(&mut *ledger))(None)),
                _ => together(ledger, &path, tasks),
            }
        }
    }
}

fn together(ledger: &mut Ledger, path: &Path, tasks: Vec<Task>) {
    let mut waiting = VecDeque::from(tasks);
    let mut answers = Vec::new();
    let done = ledger.together(|ledger| {
        answers.extend(waiting.drain(..).map(|task| task(Ok(ledger))));
    });
    let lost = done.as_ref().err();
    for answer in answers {
        answer(lost.map(|error| error.for_another(path)));
    }
    // Where it could not even be begun, nothing was done.
    for task in waiting {
        if let Some(error) = lost {
            task(Err(error.for_another(path)))(None);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Keeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Keeper").field(&*lock(&self.kept.shared.ledger)).finish()
    }
}

/// More are not kept waiting for each other.
const MOST_TOGETHER: usize = 256;

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;
    use crate::ledger::{Intent, Kind, Subject, Write};

    fn keeper(name: &str) -> (Keeper, std::path::PathBuf) {
        let folder = std::env::temp_dir().join(format!("refpoint-keeper-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        (Keeper::new(Ledger::open(folder.join("ledger.db")).unwrap()), folder)
    }

    fn intent(number: usize) -> Intent {
        Intent {
            host: "HV01".to_owned(),
            subject: Subject { kind: Kind::Vm, id: format!("{number}"), name: format!("vm{number}") },
            point: "point".to_owned(),
            base: None,
            disks: Vec::new(),
            directory: format!(r"D:\{number}"),
            details: String::new(),
        }
    }

    #[tokio::test]
    async fn what_many_want_at_once_is_brought_to_disk_together_and_each_gets_its_own_answer() {
        let (keeper, folder) = keeper("many");
        let at = UNIX_EPOCH + Duration::from_secs(1_795_000_000);
        // The first holds the thread until all the others are waiting.
        let (open, gate) = std::sync::mpsc::channel::<()>();
        let holder = keeper.clone();
        let first = tokio::spawn(async move {
            let held = holder.with(move |_| {
                gate.recv().unwrap();
                Ok(())
            });
            held.await
        });
        let mut others = tokio::task::JoinSet::new();
        tokio::task::yield_now().await;
        for number in 0..100 {
            let keeper = keeper.clone();
            others.spawn(async move {
                let number = number / 2;
                let done =
                    keeper.with(move |ledger| Ok(ledger.claim(&intent(number), at)?.into_claim())).await;
                (number, done)
            });
        }
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        open.send(()).unwrap();
        first.await.unwrap().unwrap();
        let answers = others.join_all().await;
        // Of two who want the same one gets it: the claims live as long as the answers.
        let claimed: Vec<_> = answers.iter().filter(|(_, done)| done.is_ok()).collect();
        assert_eq!((claimed.len(), answers.len()), (50, 100));
        let refused = answers.iter().filter(|(_, done)| matches!(done, Err(Error::Claimed { .. }))).count();
        assert_eq!(refused, 50);
        let _ = std::fs::remove_dir_all(folder);
    }

    #[tokio::test]
    async fn the_last_who_goes_leaves_one_whole_file() {
        let (keeper, folder) = keeper("last");
        let log = folder.join("ledger.db-wal");
        let at = UNIX_EPOCH;
        let (begun, has_begun) = oneshot::channel();
        let (open, gate) = std::sync::mpsc::channel::<()>();
        let another = keeper.clone();
        let write = tokio::spawn(async move {
            let work = move |ledger: &mut Ledger| {
                let claim = ledger.claim(&intent(1), at)?.into_claim();
                let _ = begun.send(());
                gate.recv().unwrap();
                drop(claim);
                Ok(())
            };
            another.with(work).await
        });
        has_begun.await.unwrap();
        // Whoever asked does not wait for the answer; the thread is still at it.
        write.abort();
        assert!(write.await.unwrap_err().is_cancelled());
        assert!(log.exists());
        let opener = thread::spawn(move || {
            thread::yield_now();
            open.send(()).unwrap();
        });
        drop(keeper);
        assert!(!log.exists());
        opener.join().unwrap();
        assert_eq!(Ledger::open(folder.join("ledger.db")).unwrap().open_exports(None).unwrap().len(), 1);
        let _ = std::fs::remove_dir_all(folder);
    }

    #[tokio::test]
    async fn a_task_may_hold_the_last_of_its_keeper() {
        let (keeper, folder) = keeper("own");
        let (begun, has_begun) = oneshot::channel();
        let (open, gate) = std::sync::mpsc::channel::<()>();
        let (said, heard) = oneshot::channel();
        let own = keeper.clone();
        let asked = tokio::spawn(async move {
            let last = own.clone();
            let work = move |ledger: &mut Ledger| {
                let _ = begun.send(());
                gate.recv().unwrap();
                drop(last);
                let _ = said.send(ledger.open_exports(None).map(|found| found.len()));
                Ok(())
            };
            own.with(work).await
        });
        has_begun.await.unwrap();
        asked.abort();
        assert!(asked.await.unwrap_err().is_cancelled());
        drop(keeper);
        open.send(()).unwrap();
        assert_eq!(heard.await.unwrap().unwrap(), 0);
        let _ = std::fs::remove_dir_all(folder);
    }

    #[tokio::test]
    async fn a_panic_is_its_callers_alone() {
        let (keeper, folder) = keeper("panic");
        let other = keeper.clone();
        let failed = tokio::spawn(async move { other.with::<()>(|_| panic!("for a test")).await });
        assert!(failed.await.unwrap_err().is_panic());
        assert!(keeper.with(|ledger| ledger.open_exports(None)).await.unwrap().is_empty());
        let _ = std::fs::remove_dir_all(folder);
    }

    #[tokio::test]
    async fn what_is_told_as_written_is_on_disk() {
        let (keeper, folder) = keeper("told");
        let file = folder.join("ledger.db");
        keeper
            .with(move |ledger| {
                ledger.observe(move |write, done| {
                    if (write, done) == (Write::Claim, true) {
                        let there = Ledger::open(&file).unwrap().open_exports(None).unwrap();
                        assert!(!there.is_empty());
                    }
                });
                Ok(())
            })
            .await
            .unwrap();
        let at = UNIX_EPOCH;
        let claims = (0..20).map(|number| {
            let keeper = keeper.clone();
            tokio::spawn(async move {
                keeper.with(move |ledger| ledger.claim(&intent(number), at)).await.unwrap()
            })
        });
        for claim in claims.collect::<Vec<_>>() {
            claim.await.unwrap();
        }
        let _ = std::fs::remove_dir_all(folder);
    }
}
