//! The lines of the endpoints, and of what belongs to Asterisks: how their states are mirrored, the server of agents.

use super::lines::{Lines, list, word};
use crate::config::values::{
    Agent, Ami, Answer, AnswerBy, Asterisk, AsteriskTransport, Broadworks, DeviceStates, EventKeys, Kamailio,
    Opensips, Overflow, ZmqManager, ZmqServer,
};

impl Lines {
    pub fn broadworks(&mut self, server: &Broadworks) {
        let Broadworks { name, address, keepalive_timeout, cluster, max_document, duplicate_window } = server;
        let key = |key: &str| format!("broadworks.{name}.{key}");
        self.put(key("address"), address);
        self.time(key("keepalive_timeout"), keepalive_timeout);
        self.set(key("cluster"), cluster.as_ref());
        self.put(key("max_document"), max_document);
        self.time(key("duplicate_window"), duplicate_window);
    }

    pub fn kamailio(&mut self, server: &Kamailio) {
        let Kamailio { name, address, framing, tag_command, heartbeat_timeout, frame_timeout, .. } = server;
        let Kamailio { max_frame, queue, on_overflow, max_bad, duplicate_window, keys, answers, .. } = server;
        let key = |key: &str| format!("kamailio.{name}.{key}");
        self.put(key("address"), address);
        self.put(key("framing"), word(framing));
        // It may be a login, and come from a file of secrets.
        tag_command.iter().for_each(|command| self.hide(key("tag_command"), command));
        heartbeat_timeout.iter().for_each(|limit| self.time(key("heartbeat_timeout"), limit));
        self.time(key("frame_timeout"), frame_timeout);
        self.put(key("max_frame"), max_frame);
        self.put(key("queue"), queue);
        let overflow = match on_overflow {
            Overflow::DropOldest => "drop_oldest",
            Overflow::Disconnect => "disconnect",
        };
        self.put(key("on_overflow"), overflow);
        self.put(key("max_bad"), max_bad);
        self.time(key("duplicate_window"), duplicate_window);
        let EventKeys { event, index, label, call_id, identity } = keys;
        for (name, words) in [
            ("event", event),
            ("index", index),
            ("label", label),
            ("call_id", call_id),
            ("identity", identity),
        ] {
            self.put(key(&format!("keys.{name}")), words.join(", "));
        }
        answers
            .iter()
            .enumerate()
            .for_each(|(at, answer)| self.answer(&key(&format!("answer.{}", at + 1)), answer));
    }

    fn answer(&mut self, at: &str, Answer { event, when, by, reply, default, deadline }: &Answer) {
        let key = |key: &str| format!("{at}.{key}");
        self.put(key("event"), event);
        for (field, pattern) in when.patterns() {
            self.put(key(&format!("when.{field}")), pattern);
        }
        match by {
            AnswerBy::Rule => {}
            // A part of its path may be a token.
            AnswerBy::Webhook(url) => self.hide(key("webhook"), url.expose()),
            AnswerBy::Subscriber { user, when } => {
                self.put(key("subscriber"), user);
                for (column, pattern) in when.patterns() {
                    self.put(key(&format!("subscriber_when.{column}")), pattern);
                }
            }
        }
        self.mask(key("reply"), reply.as_written());
        default.iter().for_each(|default| self.mask(key("default"), default.as_written()));
        self.time(key("deadline"), deadline);
    }

    pub fn opensips(&mut self, server: &Opensips) {
        let Opensips { name, mi, mi_format, reply_dir, listen, advertise, allow_from, events, .. } = server;
        let Opensips { expire, verify, request_timeout, queue, receive_buffer, .. } = server;
        let key = |key: &str| format!("opensips.{name}.{key}");
        self.url(&key("mi"), &mi.to_string());
        self.put(key("mi_format"), mi_format.map_or("auto".to_owned(), word));
        self.path(&key("reply_dir"), reply_dir);
        self.put(key("listen"), listen);
        self.set(key("advertise"), advertise.as_ref());
        self.put(key("allow_from"), list(allow_from));
        self.put(key("events"), list(events));
        self.time(key("expire"), expire);
        self.time(key("verify"), verify);
        self.time(key("request_timeout"), request_timeout);
        self.put(key("queue"), queue);
        self.put(key("receive_buffer"), receive_buffer);
    }

    pub fn asterisk(&mut self, server: &Asterisk) {
        let Asterisk { name, transport, include, exclude, actions, ping, request_timeout } = server;
        let key = |key: &str| format!("asterisk.{name}.{key}");
        match transport {
            AsteriskTransport::Ami(Ami { address, tls, tls_ca, username, secret, login }) => {
                self.put(key("address"), address);
                self.put(key("tls"), tls);
                self.set(key("tls_ca"), tls_ca.as_ref().map(|path| path.display()));
                self.put(key("username"), username);
                self.hide(key("secret"), secret.expose());
                self.put(key("login"), word(login));
            }
            AsteriskTransport::Zmq(manager) => self.zmq_manager(name, manager),
            AsteriskTransport::Agent(Agent {
                manager,
                system_name,
                server_pull,
                server_pub,
                keepalive,
                remote_actions,
            }) => {
                self.zmq_manager(name, manager);
                self.put(key("system_name"), system_name);
                self.put(key("server_pull"), server_pull);
                self.put(key("server_pub"), server_pub);
                self.time(key("keepalive"), keepalive);
                self.put(key("remote_actions"), remote_actions.join(", "));
            }
        }
        self.put(key("include"), list(include));
        self.put(key("exclude"), list(exclude));
        self.put(key("actions"), actions.join(", "));
        self.time(key("ping"), ping);
        self.time(key("request_timeout"), request_timeout);
    }

    fn zmq_manager(&mut self, name: &str, ZmqManager { cmd, evt }: &ZmqManager) {
        self.put(format!("asterisk.{name}.cmd"), cmd);
        self.put(format!("asterisk.{name}.evt"), evt);
    }

    pub fn device_state(&mut self, states: &DeviceStates) {
        let DeviceStates { presence, name, lost_origin_grace, verify } = states;
        self.put("device_state.presence", presence);
        self.put("device_state.name_template", name.as_written());
        self.put("device_state.name_slash", name.slash());
        self.time("device_state.lost_origin_grace", lost_origin_grace);
        self.time("device_state.verify", verify);
    }

    pub fn zmq_server(&mut self, ZmqServer { pull, publish, allow_from, queue }: &ZmqServer) {
        self.put("zmq_server.pull", pull);
        self.put("zmq_server.pub", publish);
        self.put("zmq_server.allow_from", list(allow_from));
        self.put("zmq_server.queue", queue);
    }
}
