//! Waiting for the medium while there is something else to do.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicUsize, Ordering};
use std::io::{self, ErrorKind};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Mutex, PoisonError};
use std::thread::{self, JoinHandle};

type Job = Box<dyn FnOnce() + Send>;

/// Threads for what waits. They are kept, as many as ever had something to do at once: to start one can take longer
/// than what it is started for.
pub(super) struct Background {
    most: usize,
    jobs: Option<Sender<Job>>,
    queue: Arc<Mutex<Receiver<Job>>>,
    /// Jobs that are not done.
    open: Arc<AtomicUsize>,
    threads: Vec<JoinHandle<()>>,
}

/// What comes of a job.
pub(super) struct Outcome(Receiver<io::Result<()>>);

impl Outcome {
    /// Waits for it.
    pub(super) fn wait(self) -> io::Result<()> {
        self.0.recv().unwrap_or(Err(ErrorKind::Other.into()))
    }
}

impl Background {
    /// At most so many threads.
    pub(super) fn new(most: usize) -> Self {
        let (jobs, queue) = mpsc::channel();
        Self {
            most,
            jobs: Some(jobs),
            queue: Arc::new(Mutex::new(queue)),
            open: Arc::default(),
            threads: Vec::new(),
        }
    }

    /// Does something beside the caller, or at once where there are no threads.
    pub(super) fn run(
        &mut self,
        work: impl FnOnce() -> io::Result<()> + Send + 'static,
    ) -> Outcome {
        let (tell, told) = mpsc::channel();
        let job = move || drop(tell.send(work()));
        let open = self.open.fetch_add(1, Ordering::AcqRel);
        if open >= self.threads.len() && self.threads.len() < self.most {
            let (queue, open) = (Arc::clone(&self.queue), Arc::clone(&self.open));
            self.threads
                .extend(thread::Builder::new().spawn(move || work_off(&queue, &open)));
        }
        match &self.jobs {
            Some(jobs) if !self.threads.is_empty() => drop(jobs.send(Box::new(job))),
            _ => {
                job();
                self.open.fetch_sub(1, Ordering::AcqRel);
            }
        }
        Outcome(told)
    }
}

fn work_off(queue: &Mutex<Receiver<Job>>, open: &AtomicUsize) {
    loop {
        let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else {
            return;
        };
        job();
        open.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Waits until all is done.
impl Drop for Background {
    fn drop(&mut self) {
        self.jobs = None;
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Barrier;

    #[test]
    fn as_many_jobs_as_threads_are_done_at_once_and_the_others_after_them() {
        let mut background = Background::new(4);
        let barrier = Arc::new(Barrier::new(4));
        let done = Arc::new(AtomicUsize::new(0));
        for _ in 0..3 {
            let meet = |_| {
                let (barrier, done) = (Arc::clone(&barrier), Arc::clone(&done));
                background.run(move || {
                    barrier.wait();
                    done.fetch_add(1, Ordering::AcqRel);
                    Ok(())
                })
            };
            let outcomes: Vec<Outcome> = (0..8).map(meet).collect();
            for outcome in outcomes {
                outcome.wait().unwrap();
            }
        }
        assert_eq!(done.load(Ordering::Acquire), 24);
        assert_eq!(background.threads.len(), 4);
    }

    #[test]
    fn errors_come_back_and_what_is_left_is_done_before_the_end() {
        let mut background = Background::new(1);
        let failed = background.run(|| Err(ErrorKind::StorageFull.into()));
        assert_eq!(failed.wait().unwrap_err().kind(), ErrorKind::StorageFull);
        let done = Arc::new(AtomicUsize::new(0));
        for _ in 0..100 {
            let done = Arc::clone(&done);
            background.run(move || {
                done.fetch_add(1, Ordering::AcqRel);
                Ok(())
            });
        }
        drop(background);
        assert_eq!(done.load(Ordering::Acquire), 100);
    }

    #[test]
    fn without_threads_it_is_done_at_once() {
        let mut background = Background::new(0);
        background.run(|| Ok(())).wait().unwrap();
        assert_eq!(background.open.load(Ordering::Acquire), 0);
    }
}
