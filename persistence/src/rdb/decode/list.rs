//! Lists.

use super::super::fault::Fault;
use super::input::Input;
use super::value::Decoder;
use spinel_types::list::{End, List, NodeKind};
use spinel_types::{Element, Large, OwnedValue};

impl Decoder {
    pub(super) fn list(&mut self, input: &mut Input<'_>) -> Result<OwnedValue, Fault> {
        let mut list = List::new(self.forms.list);
        for _ in 0..input.length()? {
            list.push(End::Tail, input.string(&mut self.text)?);
        }
        Ok(list.into_value(self.forms.list))
    }

    pub(super) fn list_of_ziplist(&mut self, input: &mut Input<'_>) -> Result<OwnedValue, Fault> {
        let mut list = List::new(self.forms.list);
        list.push_node(NodeKind::Listpack, self.ziplist(input)?);
        // It is left large, as Redis does.
        Ok(OwnedValue::Large(Large::List(Box::new(list))))
    }

    pub(super) fn list_of_ziplists(&mut self, input: &mut Input<'_>) -> Result<OwnedValue, Fault> {
        let mut list = List::new(self.forms.list);
        for _ in 0..input.length()? {
            list.push_node(NodeKind::Listpack, self.ziplist(input)?);
        }
        Ok(list.into_value(self.forms.list))
    }

    pub(super) fn list_of_nodes(&mut self, input: &mut Input<'_>) -> Result<OwnedValue, Fault> {
        const TEXT: u64 = 1;
        const LISTPACK: u64 = 2;
        let mut list = List::new(self.forms.list);
        for _ in 0..input.length()? {
            match input.length()? {
                TEXT => {
                    let text: Element<'_> = input.string(&mut self.text)?;
                    list.push_node(NodeKind::Text, text.to_vec());
                }
                LISTPACK => list.push_node(NodeKind::Listpack, self.listpack(input)?),
                _ => return Err(Fault::Malformed("a node of a list is neither a text nor a listpack")),
            }
        }
        Ok(list.into_value(self.forms.list))
    }
}
