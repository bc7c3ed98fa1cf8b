//! The keys that somebody says or has, by number, by name, and in order.

use super::cell::{At, Cell, Token};
use crate::states::presence::LONGEST_TEXT;
use crate::states::{DeviceState, Key, Kind, NameTemplate, Presence, PresenceState, Value, naming};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// So many keys are kept; a server that makes up names must not take all memory.
pub const MOST: usize = 300_000;

/// One key.
#[derive(Debug)]
pub struct Entry {
    pub key: Key,
    /// The variable that is set on other servers; the error says why there is none.
    pub variable: Result<Arc<[u8]>, Unwritable>,
    /// One for each place of a server.
    pub cells: Vec<Cell>,
    /// Of a presentity.
    pub shared: Option<Box<Shared>>,
}

/// The one value of a presentity.
#[derive(Debug, Default)]
pub struct Shared {
    /// The values that tokens stand for.
    values: Vec<Arc<Presence>>,
    /// What it is everywhere, or shall be.
    pub value: Option<Token>,
    /// Whether a server would take it.
    pub is_settable: bool,
    /// The place of the server that said so; `None`: it has left.
    pub by: Option<usize>,
    pub since: At,
}

/// Why a key, or a value, is not written. The labels of `state_rejected_total`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unwritable {
    Empty,
    ForbiddenByte,
    TooLong,
    NotCustom,
    /// Another device has this name on other servers already.
    SameName,
    /// There are too many keys.
    Full,
    /// A text of a presence is longer than Asterisk takes, or has a zero byte.
    Text,
    /// The server has refused it.
    Refused,
    /// Somebody else keeps setting it to something else.
    Contested,
}

impl Unwritable {
    pub const ALL: [Unwritable; 9] = [
        Unwritable::Empty,
        Unwritable::ForbiddenByte,
        Unwritable::TooLong,
        Unwritable::NotCustom,
        Unwritable::SameName,
        Unwritable::Full,
        Unwritable::Text,
        Unwritable::Refused,
        Unwritable::Contested,
    ];

    /// The word in metrics and in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Unwritable::Empty => "empty",
            Unwritable::ForbiddenByte => "forbidden_byte",
            Unwritable::TooLong => "too_long",
            Unwritable::NotCustom => "not_custom",
            Unwritable::SameName => "same_name",
            Unwritable::Full => "full",
            Unwritable::Text => "text",
            Unwritable::Refused => "refused",
            Unwritable::Contested => "contested",
        }
    }
}

impl From<naming::NameError> for Unwritable {
    fn from(error: naming::NameError) -> Self {
        match error {
            naming::NameError::Empty => Unwritable::Empty,
            naming::NameError::Forbidden(_) => Unwritable::ForbiddenByte,
            naming::NameError::TooLong(_) => Unwritable::TooLong,
            naming::NameError::NotCustom => Unwritable::NotCustom,
        }
    }
}

impl Entry {
    /// The token of a value; `None` where the key is of another kind, or too many values of it are about.
    pub fn token(&mut self, value: &Value) -> Option<Token> {
        match (value, self.shared.as_mut()) {
            (Value::Device(state), None) => Some(device(*state)),
            (Value::Presence(presence), Some(shared)) => {
                let cells = &self.cells;
                shared.token(presence, |token| cells.iter().any(|cell| cell.tokens().any(|it| it == token)))
            }
            _ => None,
        }
    }

    /// What a token of this entry stands for.
    pub fn value(&self, token: Token) -> Value {
        match &self.shared {
            None => Value::Device(state(token)),
            Some(shared) => Value::Presence(shared.get(token)),
        }
    }

    /// Whether nothing is set: what a presentity is that nobody has said anything of.
    pub fn is_not_set(&self, token: Token) -> bool {
        self.shared.as_ref().is_some_and(|shared| is_not_set(&shared.get(token)))
    }

    /// What the server at `place` should have: what all others say. `None`: nothing is to be written, and what it has stays.
    pub fn wanted(&self, place: usize) -> Option<Token> {
        if self.variable.is_err() {
            return None;
        }
        match &self.shared {
            Some(shared) => shared.value.filter(|_| shared.is_settable),
            None => match self.others(place) {
                Some(DeviceState::Unknown) => None,
                Some(aggregate) => Some(device(aggregate)),
                // Nobody says anything of it: what was told is taken back.
                None => self.cells[place].told.map(|_| device(DeviceState::Invalid)),
            },
        }
    }

    /// What all servers but that at `place` say of a device.
    pub fn others(&self, place: usize) -> Option<DeviceState> {
        let others = self.cells.iter().enumerate().filter(|&(at, _)| at != place);
        DeviceState::aggregate(others.filter_map(|(_, cell)| cell.origin).map(state))
    }

    /// What all say together; `None`: nobody says anything.
    pub fn aggregate(&self) -> Option<Value> {
        match &self.shared {
            Some(shared) => shared.value.map(|token| self.value(token)),
            None => {
                let said = self.cells.iter().filter_map(|cell| cell.origin).map(state);
                DeviceState::aggregate(said).map(Value::Device)
            }
        }
    }

    /// Whether anybody says, holds or is being told anything of it.
    fn is_needed(&self) -> bool {
        let nothing = match &self.shared {
            None => |_: &Entry, token: Token| state(token) == DeviceState::Invalid,
            Some(_) => |entry: &Entry, token: Token| entry.is_not_set(token),
        };
        let has_value = match &self.shared {
            None => self.cells.iter().any(|cell| cell.origin.is_some()),
            Some(shared) => shared.value.is_some_and(|value| !self.is_not_set(value)),
        };
        let is_shared = self.shared.is_some();
        let holds = |cell: &Cell| match cell.known {
            Some(known) => (is_shared || cell.told.is_some()) && !nothing(self, known),
            None => cell.told.is_some(),
        };
        has_value || self.cells.iter().any(|cell| cell.is_pending() || holds(cell))
    }
}

impl Shared {
    fn get(&self, token: Token) -> Arc<Presence> {
        self.values.get(token.index()).cloned().unwrap_or_else(|| Arc::new(not_set()))
    }

    fn token(&mut self, presence: &Arc<Presence>, is_used: impl Fn(Token) -> bool) -> Option<Token> {
        let presence = &bounded(presence);
        if let Some(at) = self.values.iter().position(|it| it == presence) {
            return Token::at(at);
        }
        let is_free = |&at: &usize| Token::at(at).is_some_and(|it| !is_used(it) && self.value != Some(it));
        let at = (0..self.values.len()).find(is_free).unwrap_or(self.values.len());
        let token = Token::at(at)?;
        match self.values.get_mut(at) {
            Some(place) => *place = Arc::clone(presence),
            None => self.values.push(Arc::clone(presence)),
        }
        Some(token)
    }
}

/// The token of a device's state.
pub fn device(state: DeviceState) -> Token {
    Token::at(state as usize).expect("there are nine states")
}

/// The state that a token of a device stands for.
pub fn state(token: Token) -> DeviceState {
    DeviceState::ALL.get(token.index()).copied().unwrap_or(DeviceState::Unknown)
}

/// A presence whose texts are too long to be set, no longer than is needed to be so.
fn bounded(presence: &Arc<Presence>) -> Arc<Presence> {
    let longest = LONGEST_TEXT + 1;
    if presence.subtype.len() <= longest && presence.message.len() <= longest {
        return Arc::clone(presence);
    }
    let cut = |text: &[u8]| text[..text.len().min(longest)].to_vec();
    let (subtype, message) = (cut(&presence.subtype), cut(&presence.message));
    Arc::new(Presence { state: presence.state, subtype, message })
}

/// The presence of somebody who has said nothing.
pub fn not_set() -> Presence {
    Presence::plain(PresenceState::NotSet)
}

fn is_not_set(presence: &Presence) -> bool {
    presence.state == PresenceState::NotSet && presence.subtype.is_empty() && presence.message.is_empty()
}

/// See the module.
#[derive(Debug, Default)]
pub struct Entries {
    slab: Vec<Option<Entry>>,
    free: Vec<u32>,
    by_key: HashMap<Key, u32>,
    /// By the names of devices on other servers.
    by_mirror: HashMap<Arc<[u8]>, u32>,
    ordered: BTreeMap<Key, u32>,
    /// How many of them are presentities.
    presentities: usize,
    /// Places of servers.
    places: usize,
}

impl Entries {
    /// How many of them are presentities.
    pub fn presentities(&self) -> usize {
        self.presentities
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.slab.len() - self.free.len()
    }

    /// Numbers below this one may be entries.
    pub fn end(&self) -> u32 {
        u32::try_from(self.slab.len()).expect("far fewer than the most")
    }

    pub fn get(&self, id: u32) -> Option<&Entry> {
        self.slab.get(id as usize)?.as_ref()
    }

    pub fn get_mut(&mut self, id: u32) -> Option<&mut Entry> {
        self.slab.get_mut(id as usize)?.as_mut()
    }

    /// The entry of this key.
    pub fn find(&self, key: &Key) -> Option<u32> {
        self.by_key.get(key).copied()
    }

    /// The entry of the device that has this name on other servers.
    pub fn find_mirrored(&self, name: &[u8]) -> Option<u32> {
        self.by_mirror.get(name).copied()
    }

    /// The entries behind `after`, in order.
    pub fn after(&self, after: Option<&Key>) -> impl Iterator<Item = (&Key, u32)> + '_ {
        use std::ops::Bound::{Excluded, Unbounded};
        let from = after.map_or(Unbounded, Excluded);
        self.ordered.range::<Key, _>((from, Unbounded)).map(|(key, &id)| (key, id))
    }

    /// There is one more place for a server.
    pub fn add_place(&mut self) {
        self.places += 1;
        for entry in self.slab.iter_mut().flatten() {
            entry.cells.push(Cell::default());
        }
    }

    /// A new entry; `None`: there are too many.
    pub fn create(&mut self, key: &Key, template: &NameTemplate) -> Option<u32> {
        if self.len() >= MOST {
            return None;
        }
        let variable = self.variable(key, template);
        let shared = (key.kind == Kind::Presence).then(Box::<Shared>::default);
        let cells = vec![Cell::default(); self.places];
        let entry = Entry { key: key.clone(), variable, cells, shared };
        let id = self.free.pop().unwrap_or_else(|| {
            self.slab.push(None);
            self.end() - 1
        });
        if let (Kind::Device, Ok(variable)) = (key.kind, &entry.variable) {
            self.by_mirror.insert(mirrored_name(variable).into(), id);
        }
        self.presentities += usize::from(key.kind == Kind::Presence);
        self.slab[id as usize] = Some(entry);
        self.by_key.insert(key.clone(), id);
        self.ordered.insert(key.clone(), id);
        Some(id)
    }

    fn variable(&self, key: &Key, template: &NameTemplate) -> Result<Arc<[u8]>, Unwritable> {
        match key.kind {
            Kind::Presence => {
                naming::check_presentity(&key.name)?;
                Ok([b"PRESENCE_STATE(", &key.name[..], b")"].concat().into())
            }
            Kind::Device => {
                let name = template.name(&key.name)?;
                match self.by_mirror.contains_key(&name[..]) {
                    true => Err(Unwritable::SameName),
                    false => Ok([b"DEVICE_STATE(", &name[..], b")"].concat().into()),
                }
            }
        }
    }

    /// Takes the mirrored name that another device had when this one came, where it is free by now.
    pub fn claim(&mut self, id: u32, template: &NameTemplate) {
        let Some(entry) = self.get(id).filter(|entry| entry.variable == Err(Unwritable::SameName)) else {
            return;
        };
        let variable = self.variable(&entry.key, template);
        if let Ok(variable) = &variable {
            self.by_mirror.insert(mirrored_name(variable).into(), id);
        }
        if let Some(entry) = self.get_mut(id) {
            entry.variable = variable;
        }
    }

    /// Frees an entry that nobody needs, where it is one.
    pub fn take_unneeded(&mut self, id: u32) -> Option<Entry> {
        self.get(id).filter(|entry| !entry.is_needed())?;
        self.remove(id)
    }

    /// Removes an entry, whoever needs it.
    pub fn remove(&mut self, id: u32) -> Option<Entry> {
        let entry = self.slab.get_mut(id as usize)?.take()?;
        self.presentities -= usize::from(entry.key.kind == Kind::Presence);
        if self.by_key.get(&entry.key) == Some(&id) {
            self.by_key.remove(&entry.key);
            self.ordered.remove(&entry.key);
        }
        if let (Kind::Device, Ok(variable)) = (entry.key.kind, &entry.variable) {
            self.by_mirror.remove(mirrored_name(variable));
        }
        self.free.push(id);
        Some(entry)
    }

    /// Lets go of the key of a device, which another entry shall have: what it was told under this mirrored name is to be taken back.
    pub fn orphan(&mut self, id: u32) {
        let Some(entry) = self.slab.get(id as usize).and_then(Option::as_ref) else { return };
        self.by_key.remove(&entry.key);
        self.ordered.remove(&entry.key);
    }
}

/// The name within `DEVICE_STATE(…)`.
pub fn mirrored_name(variable: &[u8]) -> &[u8] {
    let inner = variable.strip_prefix(b"DEVICE_STATE(").unwrap_or(variable);
    inner.strip_suffix(b")").unwrap_or(inner)
}
