//! Content is what the postcard crate takes for it, if it is canonical and within the limits of spec 5.1.
#![allow(clippy::indexing_slicing, reason = "a test fails by panicking")]

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use wcmp_tests::checks::content::content;
use wcmp_tests::kit::{Parts, person};

/// Contents as they may be, and some that may not.
fn parts() -> impl Strategy<Value = Parts> {
    let id = prop_oneof![3 => 0u32..1000, 1 => any::<u32>()];
    let extension = (id, vec(any::<u8>(), 0..40));
    let content_type = prop_oneof![
        4 => ".{0,80}".prop_map(String::into_bytes),
        1 => vec(any::<u8>(), 0..40),
    ];
    let body = vec(any::<u8>(), 0..300);
    let options = (any::<bool>(), any::<bool>());
    let extensions = vec(extension, 0..3);
    (options, content_type, body, extensions).prop_map(
        |((introduces, replies), content_type, body, extensions)| {
            let alice = person("alice");
            let mut parts = Parts::new("");
            if introduces {
                parts = parts.introducing(alice.public().as_bytes());
            }
            if replies {
                parts = parts.replying(alice.public().as_bytes(), &[7; 64]);
            }
            Parts {
                content_type,
                body,
                extensions,
                ..parts
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn any_bytes(data in vec(any::<u8>(), 0..100)) {
        content(&data);
    }

    /// Few options, few lengths: much of it decodes.
    #[test]
    fn bytes_that_are_nearly_content(data in vec(0u8..4, 0..40)) {
        content(&data);
    }

    #[test]
    fn content_with_a_byte_changed_added_or_cut(
        parts in parts(),
        at in any::<Index>(),
        byte in any::<u8>(),
        way in 0..4,
    ) {
        let mut data = parts.encode();
        let at = at.index(data.len());
        match way {
            0 => data[at] = byte,
            1 => data.insert(at, byte),
            2 => data.truncate(at),
            _ => {}
        }
        content(&data);
    }
}
