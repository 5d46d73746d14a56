//! The second implementation gives the answers that are written in our vectors.

use wcmp_tests::protocol::written_out;
use wcmp_tests::vectors::{Vector, files, outcome};

use crate::Both;

#[test]
fn python_answers_as_written() {
    let Some(mut both) = Both::start() else {
        return;
    };
    let mut replayed = 0;
    for path in files() {
        let vector = Vector::read(&path);
        let given = both.python.ask(&vector.request);
        assert_eq!(outcome(&given), vector.expect, "{}", vector.name);
        assert_eq!(given, written_out(&vector.answer), "{}", vector.name);
        if let Some(seal) = &vector.seal {
            let sealed = both.python.ask(seal);
            let envelope = &vector.request["envelope"];
            if seal["suite"] == 3 {
                // X-Wing's randomness is in the slots, and in no hash before them.
                let core = |envelope: &serde_json::Value| {
                    let inspect = serde_json::json!({ "op": "inspect", "envelope": envelope });
                    wcmp_tests::protocol::answer(&both.rust, &inspect)["core"].clone()
                };
                assert_eq!(core(&sealed["envelope"]), core(envelope), "{}", vector.name);
            } else {
                assert_eq!(sealed["envelope"], *envelope, "{}", vector.name);
            }
        }
        replayed += 1;
    }
    assert!(replayed >= 380, "{replayed}");
}
