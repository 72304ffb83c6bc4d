//! Futures that start, wait, fail and are cancelled.

use std::error::Error;
use std::sync::mpsc;

use super::*;

/// A task that runs until the sender is used or gone.
fn held(client: &Client) -> (Future<i64>, mpsc::Sender<()>) {
    let (release, wait) = mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let (started, begun) = mpsc::channel();
    let future = client.submit("held", move || {
        let _ = started.send(());
        let _ = wait.lock().unwrap().recv();
        1
    });
    begun.recv().unwrap();
    (future, release)
}

#[test]
fn a_future_starts_before_anybody_asks_for_it() {
    let client = Client::new(1);
    let (future, release) = held(&client);
    assert!(!future.is_done());
    release.send(()).unwrap();
    assert_eq!(*future.result().unwrap(), 1);
    assert!(future.is_done());
}

#[test]
fn futures_wait_for_futures_of_any_types() {
    let client = Client::new(2);
    let (one, release) = held(&client);
    let word = client.submit("word", || "ab".to_owned());
    let text = client.submit_on("repeat", (&word, &one), |word: &String, n: &i64| word.repeat(*n as usize + 1));
    let length = client.submit_on("length", (&text,), |text: &String| text.len());
    assert!(!length.is_done());
    drop(release);
    assert_eq!(*length.result().unwrap(), 4);
    let later = client.submit_on("later", (&length, &text), |n: &usize, text: &String| text.len() == *n);
    assert!(*later.result().unwrap(), "inputs may be there already");
}

#[test]
fn futures_come_as_they_are_completed() {
    let client = Client::new(2);
    let (slow, release) = held(&client);
    let quick = client.submit("quick", || 2);
    let mut completed = client.as_completed(&[slow, quick]);
    assert_eq!(completed.next().map(|(place, future)| (place, *future.result().unwrap())), Some((1, 2)));
    release.send(()).unwrap();
    assert_eq!(completed.next().map(|(place, future)| (place, *future.result().unwrap())), Some((0, 1)));
    assert!(completed.next().is_none());
}

#[test]
fn a_thousand_futures_are_gathered_in_their_order() {
    let client = Client::new(3);
    let squares = client.map("square", 0..1000_u64, |x| x * x);
    let expected: Vec<u64> = (0..1000).map(|x| x * x).collect();
    assert_eq!(client.gather(&squares).unwrap(), expected);
}

#[test]
fn errors_and_panics_come_back_through_all_that_waits_and_the_client_goes_on() {
    let client = Client::new(1);
    let fails = client.try_submit("fails", || "x".parse::<i64>());
    let user = client.submit_on("user", (&fails,), |x: &i64| x + 1);
    let error = user.result().unwrap_err();
    assert_eq!(error.to_string(), "user has no input");
    let cause = error.source().unwrap();
    assert_eq!(cause.to_string(), "fails failed");
    assert!(cause.source().unwrap().to_string().contains("invalid digit"));
    let panics = client.submit("panics", || -> i64 { panic!("on purpose") });
    assert_eq!(panics.result().unwrap_err().to_string(), "panics panicked: on purpose");
    let late = client.submit_on("late", (&panics,), |x: &i64| x + 1);
    assert!(matches!(late.result(), Err(FutureError::Input { name: "late", .. })));
    assert_eq!(*client.submit("well", || 5).result().unwrap(), 5);
}

#[test]
fn what_has_not_started_can_be_cancelled_with_all_that_waits_for_it() {
    let client = Client::new(1);
    let (running, release) = held(&client);
    let queued = client.submit("queued", || 2_i64);
    let user = client.submit_on("user", (&queued,), |x: &i64| x + 1);
    let other = client.submit("other", || 3_i64);
    assert!(!running.cancel(), "it runs already");
    assert!(queued.cancel());
    assert!(!queued.cancel(), "it was cancelled already");
    release.send(()).unwrap();
    assert_eq!((*running.result().unwrap(), *other.result().unwrap()), (1, 3));
    assert!(matches!(queued.result(), Err(FutureError::Cancelled { name: "queued" })));
    assert!(matches!(user.result(), Err(FutureError::Input { .. })));
}

#[test]
fn a_client_that_goes_waits_for_what_runs_and_cancels_the_rest() {
    let client = Client::new(1);
    let (running, release) = held(&client);
    let queued = client.submit("queued", || 2_i64);
    let user = client.submit_on("user", (&running, &queued), |x: &i64, y: &i64| x + y);
    let end = std::thread::spawn(move || drop(client));
    assert!(matches!(queued.result(), Err(FutureError::Cancelled { .. })));
    release.send(()).unwrap();
    end.join().unwrap();
    assert_eq!(*running.result().unwrap(), 1);
    assert!(user.result().is_err());
}
