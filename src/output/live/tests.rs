//! Tests of the page: what it shows, and that nothing of the wire is markup in it.

use super::*;
use crate::model::{
    Answerer, Body, Client, Diagnosis, Exchange, Failure, FailureKind, Fields, Finding, Millis, Outcome, Phase,
    Request, Salt, Scheme, Timing, Upstream,
};
use crate::output::TakenBack;

fn told(board: &mut Board, exchange: &Exchange, findings: Vec<Finding>, takes_back: &[TakenBack]) {
    let diagnosis = Diagnosis { answered_by: Answerer::Instance, findings, folded: Vec::new() };
    board.take(&Told { exchange, diagnosis: &diagnosis, salt: &Salt::new([7; 32]), takes_back, reading: None });
}

fn exchange(id: u64) -> Exchange {
    let failure =
        Failure { phase: Phase::Connect, kind: FailureKind::ConnectionRefused, detail: String::new(), status: None };
    Exchange {
        id,
        entry: None,
        at: Millis(0),
        client: Client::default(),
        request: Request {
            method: "GET".into(),
            scheme: Scheme::Https,
            host: "dev1.service-now.com".into(),
            port: 443,
            target: "/<script>alert(1)</script>".into(),
            version: "HTTP/1.1".into(),
            fields: Fields::default(),
            body: Body::default(),
            head: None,
            unseen: false,
        },
        outcome: Outcome::Failed(failure),
        timing: Timing::default(),
        upstream: Upstream::default(),
    }
}

fn finding(grade: Grade) -> Finding {
    Finding::new("token-expired", grade, "said <b>loud</b>")
}

#[test]
fn the_newest_comes_first_and_nothing_of_the_wire_is_markup() {
    let mut board = Board::default();
    assert!(board.list().contains("Nothing to explain yet"));
    told(&mut board, &exchange(1), vec![finding(Grade::Possible)], &[]);
    told(&mut board, &exchange(2), vec![finding(Grade::Proven)], &[]);
    told(&mut board, &exchange(3), Vec::new(), &[]);
    let page = board.page("to\"ken", &[("listens", "<here>".into())]);
    assert!(page.find("id=\"x2\"").unwrap() < page.find("id=\"x1\"").unwrap(), "{page}");
    assert!(!page.contains("<script>") && !page.contains("<b>") && !page.contains("<here>"), "{page}");
    assert!(page.contains("to&quot;ken") && page.contains("3 exchanges came through, 2 explained."), "{page}");
}

#[test]
fn a_verdict_that_no_longer_stands_says_so() {
    let mut board = Board::default();
    told(&mut board, &exchange(1), vec![finding(Grade::Likely)], &[]);
    let back = TakenBack { exchange: 1, entry: None, cause: "token-expired", because: "It passed `later`.".into() };
    told(&mut board, &exchange(2), Vec::new(), &[back]);
    assert!(board.list().contains("Taken back.</strong> It passed <code>later</code>."), "{}", board.list());
}

#[test]
fn the_board_is_bounded_and_says_what_it_left_out() {
    let mut board = Board::default();
    (0..MOST as u64 + 5).for_each(|id| told(&mut board, &exchange(id), vec![finding(Grade::Proven)], &[]));
    assert_eq!(board.cards.len(), MOST);
    assert!(board.list().contains("the oldest 5 no longer shown here"));
}

#[test]
fn the_policy_allows_nothing_inline() {
    assert!(!POLICY.contains("unsafe") && POLICY.contains("frame-ancestors 'none'"));
    let page = Board::default().page("t", &[]);
    assert!(!page.contains(" style=") && !page.contains("onclick") && !page.contains("<script>"));
}
