//! Cities and profiles of the simulated operator: those of a Greenlandic one.

use crate::config::{Numbering, ServiceProfiles};

/// City names of address forms, and the phone context of each.
const CITIES: [(&str, &str); 18] = [
    ("Nuuk", "nuk.tg.gl"),
    ("Nanortalik", "nan.tg.gl"),
    ("Narsaq", "nar.tg.gl"),
    ("Qaqortoq", "qaq.tg.gl"),
    ("Qassiarsuk", "qsk.tg.gl"),
    ("Narsarsuaq", "nrs.tg.gl"),
    ("Igaliku", "iga.tg.gl"),
    ("Paamiut", "paa.tg.gl"),
    ("Maniitsoq", "man.tg.gl"),
    ("Kangerlussuaq", "kan.tg.gl"),
    ("Sisimiut", "sis.tg.gl"),
    ("Aasiaat", "aas.tg.gl"),
    ("Qeqertarsuaq", "qeq.tg.gl"),
    ("Ilulissat", "ilu.tg.gl"),
    ("Qasigiannguit", "qas.tg.gl"),
    ("Upernavik", "upv.tg.gl"),
    ("Uummannaq", "uum.tg.gl"),
    ("Alaska", "ala.tg.gl"),
];

/// Country code, default context and cities, as a configuration has them.
pub fn numbering() -> Numbering {
    Numbering {
        country_code: "299".to_owned(),
        default_phone_context: "tg.gl".to_owned(),
        phone_contexts: CITIES.iter().map(|&(city, context)| (city.to_owned(), context.to_owned())).collect(),
    }
}

/// Names of the configured service profiles, as a configuration has them.
pub fn service_profiles() -> ServiceProfiles {
    ServiceProfiles {
        r#virtual: "sp_virtual".to_owned(),
        user: "sp_user".to_owned(),
        pilot: "sp_pilot".to_owned(),
        trunk: "sp_trunk".to_owned(),
    }
}
