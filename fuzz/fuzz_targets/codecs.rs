//! The libraries of scripts on any bytes: they refuse them, or what they make of them comes back the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use spinel_scripting::codecs::{Codec, Codecs};

thread_local! {
    static CODECS: Codecs = Codecs::new().expect("there is memory for a state of Lua");
}

fuzz_target!(|data: &[u8]| {
    let Some((&choice, bytes)) = data.split_first() else {
        return;
    };
    let codec = [Codec::Json, Codec::MessagePack, Codec::Struct][usize::from(choice % 3)];
    CODECS.with(|codecs| codecs.round(codec, bytes)).expect("a round trip changes nothing");
});
