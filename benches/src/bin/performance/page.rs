//! The page: what stands around the numbers.

use crate::run::{self, Run};
use crate::tables::{
    ADDED_SIDES, STRANGER_SIDES, all_cores, all_of, comparing, hints, memory, one_envelope, open,
    parse, scans, seal, touch, trial, xwing,
};
use crate::targets;

/// docs/performance.md.
pub(crate) fn page(run: &Run) -> String {
    let mut page = String::new();
    let mut put = |text: &str| {
        page.push_str(text);
        page.push('\n');
    };
    put("# How fast\n");
    put("Every figure and plot on this page was made by one command, in one run:\n");
    put("```sh\ncargo run --release -p wcmp-benches --bin performance\n```\n");
    put(&format!(
        "Machine: {}. Load when it began and ended, over one minute (and five): {}.\n",
        run::machine(),
        run.load
    ));
    put(INTRODUCTION);
    put("## What was to be reached\n");
    put(&targets::table(run));
    put(AGE);

    put("## Finding one's own\n");
    put("![Envelopes scanned a second for 1 to 1000 keys](performance/scan.svg)\n");
    put(SCAN);
    put(&scans(run));
    put(TRIAL);
    put(&trial(run));
    put(TOUCH);
    put(&touch(run));
    put(MEMORY);
    put(&memory(run));

    put("### Hints\n");
    put("![Time of one hint by ways to compute it](performance/hints.svg)\n");
    put(HINTS);
    put(&hints(run));
    put(COMPARING);
    put(&comparing(run));
    put(STRANGERS);
    put(&all_of(run, "a stranger's hint, 16 slots", &STRANGER_SIDES));
    put("One envelope alone, without a scanner:\n");
    put(&one_envelope(run));
    put("Reading an envelope: our parser checks all rules, postcard none.\n");
    put(&parse(run));

    put("## Sealing and opening\n");
    put("![Sealing 1 KiB for 1 to 1000 receivers](performance/seal.svg)\n");
    put(SEALING);
    put(&seal(run));
    put("One receiver more, at 100, padding of the slots included:\n");
    put(&all_of(
        run,
        "seal, per added receiver at 100",
        &ADDED_SIDES,
    ));
    put("Opening, as the last of the receivers:\n");
    put(&open(run));
    put("![Sealing, MB a second](performance/seal-bulk.svg)\n");
    put("![Opening, MB a second](performance/open-bulk.svg)\n");
    put("X-Wing:\n");
    put(&xwing(run));
    put("## On all cores\n");
    put(&all_cores(run));
    page.push_str(NOTES);
    page
}

const INTRODUCTION: &str = "\
Ours and theirs run in one process, in turns; a figure is the median of up to 31 turns. It is time of the processor on one
core, which leaves out what other programs took of it, but where it says *by the clock*. Compare figures of one table, that
is, ratios: on a shared machine everything takes up to half as long again when neighbours are busy, and what the memory or
all cores bound varies most. The *fastest provider* is the one named `FASTEST` in `benches/benches/kit/mod.rs`; what it
computes is the same.
";

const AGE: &str = "
Of *opening at 100 receivers, 1000 times age* there are two readings. Whether an envelope is mine, and which of its slots, is
what a device asks of every envelope; there hints save the trial of each slot. Opening one that is mine takes an X25519, an
Ed25519 signature to be verified and the message to be decrypted; a thousandth of age's time is less than the X25519 alone
takes, so nothing that uses X25519 can reach it.
";

const SCAN: &str = "\
Time for an envelope of an open suite, one core. The ready-made parts are an envelope borrowed by postcard, hmac and sha2
with the keyed state cloned, and comparison one by one; the same is shown with our parser, which is faster and checks more,
in place of postcard. The last column has the ratio to either.
";

const TRIAL: &str = "\
Formats without hints try to decrypt. For one envelope of 16 slots that is somebody else's:
";

const TOUCH: &str = "\
What there is to read, the recipient nonce and all hints, from 512 envelopes one after the other. A row of the column has
32 + 16 R bytes in an open suite and 80 + 16 R in a sealed one, R being the slots; a test holds it to 16 + 16 R + 64. It
does not contain the payload, so the payload's size changes nothing. In *sealed* suites hints depend on a hash of the
payload; the column has that hash, and who scans envelopes instead has to compute it.
";

const MEMORY: &str = "\
Most memory that a scan for 10 keys allocates: envelopes read in blocks of 4096, and the column of a store in a folder.
";

const HINTS: &str = "\
The portable way is sha2's compression function, which itself uses the SHA extensions where there are; only without them is
AVX2 the better way.
";

const COMPARING: &str = "\
Comparing one hint with all slots of an envelope, none of which is mine. Up to three hints are compared with each slot;
from four on, a map of the slots' first bits is made once for each envelope, which is why many hints cost less each.
";

const STRANGERS: &str = "\
A stranger's hint takes an X25519 for each key and envelope; two bare ones are beside it.
";

const SEALING: &str = "\
A message for R receivers. hpke and crypto_box seal to one; so they seal a content key to each, and the message is encrypted
once by crate aes-gcm. They do not sign, pad, hide the number of receivers, or hedge their randomness; age does not either.
Slots are padded to a power of two, so 1000 receivers are 1024 slots. In bulk ours is bounded by SHA-256: all is hashed for
the signature and, when sealing, for the hedge.
";

const NOTES: &str = "
## What to make of it

* **Open hints can be tested by whoever holds the public key.** The great factors over trial decryption rest on that, where
  they are of open suites. Pair hints are secret, and cost a hint for each contact. A stranger's hint is secret too, and
  costs an X25519. [design.md](design.md) says why there are all three.
* **What time may reveal**: hints take as long for one key or envelope as for another. Comparing many hints looks them up in
  a map first; `HintMatcher` in `crates/wcmp-suite/src/hint/matching.rs` says who could learn what from that: some bits of
  hints of one envelope, of keys nothing.
* **aarch64 and others** have no kernel of their own: they take the portable path, which is sha2's compression function with
  the states of keys computed once. sha2 uses the instructions for SHA-2 of such processors by itself. That has not been
  measured here.
* Every peer is called in the fastest way its interface has: age by `Decryptor::new_buffered`, as `new` takes quadratic time
  in receivers; keys of ring and aws-lc-rs are kept; hmac's keyed state is cloned.
* 15 MiB is the greatest round size whose envelope is within 16 MiB.
* Instructions instead of seconds are counted by `cargo run --release -p wcmp-counts`, which CI compares with a baseline.

To make it again takes about ten minutes, and builds all peers first. `-- --again` makes the page from the last run's
medians. `cargo bench -p wcmp-benches --bench scan`, or another of the benches, runs Criterion as well, with its statistics.
";
