//! Work that several sessions share.

use std::panic::resume_unwind;
use std::sync::{Mutex, PoisonError};
use std::thread;

/// Does every part, in any order, in whatever session is free: the first on this thread, each other on one of its own.
///
/// # Errors
/// The first session's error, or else that of another; then parts may be left undone.
///
/// # Panics
/// If there is no session, or a part panics.
pub(super) fn run<S: Send, P: Send, E: Send>(
    sessions: &mut [S],
    parts: impl Iterator<Item = P> + Send,
    work: impl Fn(&mut S, P) -> Result<(), E> + Sync,
) -> Result<(), E> {
    let parts = Mutex::new(parts);
    let next = || parts.lock().unwrap_or_else(PoisonError::into_inner).next();
    let all = |session: &mut S| {
        while let Some(part) = next() {
            work(session, part)?;
        }
        Ok(())
    };
    let (first, others) = sessions.split_first_mut().expect("there is a session");
    thread::scope(|scope| {
        // Where no more threads are to be had, the sessions that have one do all parts.
        let start = |session| thread::Builder::new().spawn_scoped(scope, || all(session)).ok();
        let others: Vec<_> = others.iter_mut().filter_map(start).collect();
        let own = all(first);
        others
            .into_iter()
            .map(|other| other.join().unwrap_or_else(|panic| resume_unwind(panic)))
            .fold(own, Result::and)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_is_done_once() {
        for sessions in 1..5 {
            let mut sessions = vec![Vec::new(); sessions];
            run(&mut sessions, 0..20, |session, part| {
                session.push(part);
                Ok::<_, ()>(())
            })
            .unwrap();
            let mut done = sessions.concat();
            done.sort_unstable();
            assert!(done.into_iter().eq(0..20), "{sessions:?}");
        }
    }

    #[test]
    fn an_error_of_any_session_comes_out() {
        let fail_at =
            |at| run(&mut [(), (), ()], 0..9, |(), part| if part == at { Err(part) } else { Ok(()) });
        (0..9).for_each(|at| assert_eq!(fail_at(at), Err(at)));
        assert_eq!(fail_at(9), Ok(()));
    }
}
