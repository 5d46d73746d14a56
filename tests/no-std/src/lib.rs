//! Links every library crate beside a panic handler of its own.
#![no_std]

use wcmp_auth as _;
use wcmp_message as _;
use wcmp_relay as _;
use wcmp_suite as _;
use wcmp_wire as _;

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
