//! What is kept, page by page, for readers; and who they are.

use prost::Message;

use super::JetStream;
use super::series::{last, next, parts};
use super::trouble::Trouble;
use crate::Error;
use crate::export::{Ask, Form, MAX_LOOKED_AT, MAX_OCTETS, Page, Piece, Readers, Scope};

/// The document that names the readers, sealed like a page of the index.
#[derive(Clone, PartialEq, Message)]
struct Document {
    #[prost(string, tag = "1")]
    text: String,
}

impl JetStream {
    /// The batches that came or changed behind a message.
    pub async fn page_for(&self, ask: &Ask, scope: &Scope) -> Result<Page, Trouble> {
        let subject = scope.only().map_or_else(|| self.names.all(), |name| self.names.appliance(name));
        let mut page = Page { pieces: Vec::new(), next: ask.after };
        let (mut looked_at, mut octets) = (0, 0);
        while page.pieces.len() < ask.limit && looked_at < MAX_LOOKED_AT && octets < MAX_OCTETS {
            looked_at += 1;
            let from = page.next.saturating_add(1);
            let Some(message) = next(&self.batches, &subject, from).await? else { break };
            page.next = message.sequence;
            let is_in = self.names.parse(&message.subject).is_some_and(|(name, _)| scope.has(&name));
            if !is_in {
                continue;
            }
            octets += message.payload.len();
            // A place is a message: those that came together come together.
            for part in parts(&message)? {
                page.pieces.push(match ask.form {
                    Form::Sealed => Piece::Sealed(part.octets),
                    Form::Records => {
                        let batch = self.open(&part)?;
                        let records: Vec<_> = batch.records.iter().map(|record| record.to_json()).collect();
                        // Opened it is larger, and this is what is in memory.
                        octets += batch.records.len().saturating_mul(OPENED);
                        Piece::Records(batch.id, records)
                    }
                });
            }
        }
        Ok(page)
    }

    /// Who may read.
    pub async fn readers_now(&self) -> Result<Readers, Trouble> {
        Ok(self.document().await?.1)
    }

    async fn document(&self) -> Result<(u64, Readers), Trouble> {
        let place = self.names.readers();
        let Some(message) = last(&self.index, &place).await? else { return Ok((0, Readers::default())) };
        let octets = self.keys.open_own(&place, &message.payload);
        let document = octets.and_then(|octets| Document::decode(octets.as_slice()).ok());
        let readers = document.and_then(|document| serde_json::from_str(&document.text).ok());
        let readers = readers.ok_or(Trouble::Unreadable { place, what: "no list of readers" })?;
        Ok((message.sequence, readers))
    }

    /// Changes who may read.
    ///
    /// # Errors
    /// What `how` or the cluster says.
    pub async fn change_readers<T>(
        &self,
        how: &mut dyn FnMut(&mut Readers) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let failed = |trouble: Trouble| self.error(&trouble);
        for _ in 0..MAX_ATTEMPTS {
            let (at, before) = self.document().await.map_err(failed)?;
            let mut after = before.clone();
            let done = how(&mut after)?;
            if after == before {
                return Ok(done);
            }
            let document = Document { text: serde_json::to_string(&after).unwrap_or_default() };
            if self.put(&self.names.readers(), &document, Some(at)).await.map_err(failed)? {
                return Ok(done);
            }
        }
        Err(failed(Trouble::Overtaken(MAX_ATTEMPTS)))
    }
}

const MAX_ATTEMPTS: u32 = 8;
/// Octets that an opened record is taken to have.
const OPENED: usize = 512;
