//! Who may come in.
//!
//! ```text
//! → Action: Challenge                       → Action: Login
//!   AuthType: MD5                             AuthType: MD5
//! ← Response: Success                         Username: eventmanager
//!   Challenge: 200423041                      Key: md5 of "200423041" and the secret, in hex
//! ```

use super::actions::{Call, Next};
use super::classes::Classes;
use super::sessions::Access;
use crate::simulators::asterisk::options::AsteriskOptions;
use crate::wire::ami::request::Request;
use md5::{Digest, Md5};

/// An action of a session that is not logged in.
pub(super) fn answer(call: &mut Call<'_>, name: &[u8]) -> Next {
    if name.eq_ignore_ascii_case(b"Challenge") {
        challenge(call)
    } else if name.eq_ignore_ascii_case(b"Login") {
        log_in(call)
    } else {
        call.error("Permission denied")
    }
}

/// A login of a session that is logged in.
pub(super) fn again(call: &mut Call<'_>) -> Next {
    call.success("Already authenticated")
}

fn challenge(call: &mut Call<'_>) -> Next {
    if !call.request.get("AuthType").is_some_and(|it| it.eq_ignore_ascii_case(b"MD5")) {
        return call.error("Must specify AuthType");
    }
    let challenge = fastrand::u32(100_000_000..1_000_000_000).to_string();
    call.core.ami.slot(call.session).challenge = Some(challenge.clone());
    call.respond("Success", &[("Challenge", challenge.as_bytes())])
}

fn log_in(call: &mut Call<'_>) -> Next {
    let challenge = call.core.ami.slot(call.session).challenge.as_deref();
    if !is_right(call.request, call.options, challenge) {
        call.core.pbx.counts.refused_logins += 1;
        return Next::Refuse("Authentication failed");
    }
    if !call.options.multiple_logins && call.core.ami.logged_in() > 0 {
        call.core.pbx.counts.refused_logins += 1;
        return Next::Refuse("Login Already In Use");
    }
    call.core.pbx.counts.logins += 1;
    let wanted = call.request.get("Events").map_or(Classes::ALL, Classes::parse);
    let AsteriskOptions { read, write, .. } = *call.options;
    call.core.ami.slot(call.session).access = Some(Access { read, write, wanted });
    call.success("Authentication accepted");
    call.core.ami.welcome(call.session);
    Next::Go
}

fn is_right(request: &Request<'_>, options: &AsteriskOptions, challenge: Option<&str>) -> bool {
    if request.get("Username") != Some(options.username.as_bytes()) {
        return false;
    }
    let secret = options.secret.expose();
    if !request.get("AuthType").is_some_and(|it| it.eq_ignore_ascii_case(b"MD5")) {
        return request.get("Secret") == Some(secret.as_bytes());
    }
    let Some(challenge) = challenge else { return false };
    let hash = Md5::new().chain_update(challenge).chain_update(secret).finalize();
    let key: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    request.get("Key") == Some(key.as_bytes())
}
