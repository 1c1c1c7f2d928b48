//! What the words of a search ask for.

use super::super::unit::{Unit, radius_m, sides_m};
use super::super::{point, point_of};
use super::found::Found;
use crate::command::args::Args;
use crate::error::Error;
use spinel_types::SortedSetRef;
use spinel_types::geo::{Point, Search};

/// Which command asks, and so which words it knows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Form<'a> {
    /// GEOSEARCH.
    Search,
    /// GEOSEARCHSTORE.
    SearchStore {
        /// Where the result goes.
        destination: &'a [u8],
    },
    /// GEORADIUS or GEORADIUSBYMEMBER.
    Radius,
    /// One of both that can't store.
    RadiusReadOnly,
}

/// The order of the results.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Order {
    /// As they are found: cell by cell.
    Found,
    NearestFirst,
    FarthestFirst,
}

/// What is told of a member beside its name.
#[derive(Clone, Copy, Default)]
pub(super) struct Shown {
    pub(super) distance: bool,
    pub(super) hash: bool,
    pub(super) coordinates: bool,
}

impl Shown {
    /// How many replies this is.
    pub(super) fn count(self) -> usize {
        usize::from(self.distance) + usize::from(self.hash) + usize::from(self.coordinates)
    }
}

/// A search with all its options.
pub(super) struct Query<'a> {
    /// The shape; `None` as long as it isn't known, and where there is nothing to search in.
    search: Option<Search>,
    /// What distances are told in.
    pub(super) unit: Unit,
    pub(super) order: Order,
    /// How many results are wanted at most.
    pub(super) count: Option<usize>,
    /// Whether any results will do, so that the search can end early.
    takes_any: bool,
    pub(super) shown: Shown,
    /// The key that gets the result in place of the client.
    pub(super) destination: Option<&'a [u8]>,
    /// Whether distances are stored as scores.
    pub(super) stores_distances: bool,
}

/// The centre that was named.
enum Center {
    Point(Point),
    /// A member's, unless there is no sorted set.
    Member(Option<Point>),
}

/// The shape that was named.
enum Outline {
    Circle { radius_m: f64 },
    Rectangle { width_m: f64, height_m: f64 },
    Polygon(Vec<Point>),
}

const NO_SUCH_MEMBER: Error = Error::Text("ERR could not decode requested zset member");

impl<'a> Query<'a> {
    fn new(form: Form<'a>) -> Query<'a> {
        Query {
            search: None,
            unit: Unit::METRE,
            order: Order::Found,
            count: None,
            takes_any: false,
            shown: Shown::default(),
            destination: if let Form::SearchStore { destination } = form { Some(destination) } else { None },
            stores_distances: false,
        }
    }

    /// Reads all that follows the key of GEOSEARCH and GEOSEARCHSTORE.
    pub(super) fn parse(
        args: &mut Args<'a>,
        set: Option<SortedSetRef<'_>>,
        form: Form<'a>,
    ) -> Result<Query<'a>, Error> {
        let mut query = Query::new(form);
        let (mut center, mut outline) = (None, None);
        while args.remaining() > 0 {
            let is_known = query.accept_option(args, form)?
                || accept_center(args, set, &mut center, outline.as_ref())?
                || query.accept_outline(args, &mut outline, center.as_ref())?;
            if !is_known {
                return Err(Error::Syntax);
            }
        }
        query.check_stored("GEOSEARCHSTORE")?;
        query.search = shape(args.words()[0], center, outline)?;
        query.check_count()?;
        Ok(query)
    }

    /// Reads all that follows the centre of the older commands.
    pub(super) fn parse_radius(
        args: &mut Args<'a>,
        center: Option<Point>,
        form: Form<'a>,
    ) -> Result<Query<'a>, Error> {
        let mut query = Query::new(form);
        if let Some(center) = center {
            let (radius_m, unit) = radius_m(args)?;
            (query.search, query.unit) = (Some(Search::circle(center, radius_m)), unit);
        } else {
            // Without a sorted set, nobody looks at radius and unit.
            args.take(2)?;
        }
        while args.remaining() > 0 {
            if !query.accept_option(args, form)? {
                return Err(Error::Syntax);
            }
        }
        query.check_stored("STORE option in GEORADIUS")?;
        query.check_count()?;
        Ok(query)
    }

    /// Takes an option, if one comes next.
    fn accept_option(&mut self, args: &mut Args<'a>, form: Form<'a>) -> Result<bool, Error> {
        let has_value = args.remaining() > 1;
        if args.accept("WITHDIST") {
            self.shown.distance = true;
        } else if args.accept("WITHHASH") {
            self.shown.hash = true;
        } else if args.accept("WITHCOORD") {
            self.shown.coordinates = true;
        } else if args.accept("ANY") {
            self.takes_any = true;
        } else if args.accept("ASC") {
            self.order = Order::NearestFirst;
        } else if args.accept("DESC") {
            self.order = Order::FarthestFirst;
        } else if has_value && args.accept("COUNT") {
            self.count = Some(count(args)?);
        } else {
            return Ok(self.accept_storing(args, form));
        }
        Ok(true)
    }

    fn accept_storing(&mut self, args: &mut Args<'a>, form: Form<'a>) -> bool {
        match form {
            Form::SearchStore { .. } if args.accept("STOREDIST") => self.stores_distances = true,
            Form::Radius if args.remaining() > 1 => {
                let stores_distances = args.accept("STOREDIST");
                if !stores_distances && !args.accept("STORE") {
                    return false;
                }
                (self.destination, self.stores_distances) = (Some(args.word()), stores_distances);
            }
            _ => return false,
        }
        true
    }

    /// Takes a shape, unless another kind was named, or a centre for a polygon, which has its own.
    fn accept_outline(
        &mut self,
        args: &mut Args<'a>,
        outline: &mut Option<Outline>,
        center: Option<&Center>,
    ) -> Result<bool, Error> {
        let words = args.remaining();
        if words > 2 && matches!(outline, None | Some(Outline::Circle { .. })) && args.accept("BYRADIUS") {
            let (radius_m, unit) = radius_m(args)?;
            (*outline, self.unit) = (Some(Outline::Circle { radius_m }), unit);
        } else if words > 3
            && matches!(outline, None | Some(Outline::Rectangle { .. }))
            && args.accept("BYBOX")
        {
            let (width_m, height_m, unit) = sides_m(args)?;
            (*outline, self.unit) = (Some(Outline::Rectangle { width_m, height_m }), unit);
        } else if words > 1
            && center.is_none()
            && matches!(outline, None | Some(Outline::Polygon(_)))
            && args.accept("BYPOLYGON")
        {
            *outline = Some(Outline::Polygon(vertices(args)?));
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    fn check_stored(&self, command: &str) -> Result<(), Error> {
        if self.destination.is_none() || self.shown.count() == 0 {
            return Ok(());
        }
        let options = "WITHDIST, WITHHASH and WITHCOORD options";
        Err(Error::Made(format!("ERR {command} is not compatible with {options}")))
    }

    /// The results nearest to the centre are those meant by a count, if nothing else was said.
    fn check_count(&mut self) -> Result<(), Error> {
        if self.takes_any && self.count.is_none() {
            return Err(Error::Text("ERR the ANY argument requires COUNT argument"));
        }
        if self.count.is_some() && !self.takes_any && self.order == Order::Found {
            self.order = Order::NearestFirst;
        }
        Ok(())
    }

    /// Searches in a sorted set.
    pub(super) fn find<'s>(&self, set: SortedSetRef<'s>) -> Found<'s> {
        let enough = self.count.filter(|_| self.takes_any).unwrap_or(usize::MAX);
        let mut found =
            self.search.as_ref().map_or_else(Found::none, |search| Found::of(set, search, enough));
        found.arrange(self.order, self.count.unwrap_or(usize::MAX));
        found
    }
}

/// Takes a centre, unless another kind was named, or a polygon, which has its own.
fn accept_center(
    args: &mut Args<'_>,
    set: Option<SortedSetRef<'_>>,
    center: &mut Option<Center>,
    outline: Option<&Outline>,
) -> Result<bool, Error> {
    let words = args.remaining();
    if matches!(outline, Some(Outline::Polygon(_))) {
        return Ok(false);
    }
    if words > 1 && matches!(center, None | Some(Center::Member(_))) && args.accept("FROMMEMBER") {
        let member = args.word();
        *center = Some(Center::Member(set.map(|set| place(set, member)).transpose()?));
    } else if words > 2 && matches!(center, None | Some(Center::Point(_))) && args.accept("FROMLONLAT") {
        *center = Some(Center::Point(point(args)?));
    } else {
        return Ok(false);
    }
    Ok(true)
}

/// Where a member is, which must be there.
pub(super) fn place(set: SortedSetRef<'_>, member: &[u8]) -> Result<Point, Error> {
    set.score(member).map(point_of).ok_or(NO_SUCH_MEMBER)
}

fn count(args: &mut Args<'_>) -> Result<usize, Error> {
    let count = args.integer();
    args.check()?;
    usize::try_from(count).ok().filter(|count| *count > 0).ok_or(Error::Text("ERR COUNT must be > 0"))
}

fn vertices(args: &mut Args<'_>) -> Result<Vec<Point>, Error> {
    const INVALID: Error = Error::Text("ERR invalid number of vertices");
    let count = spinel_resp::parse_integer(args.word()).ok_or(INVALID)?;
    let count = i32::try_from(count).map_err(|_| INVALID)?;
    match usize::try_from(count) {
        Ok(count @ 3..) if count <= args.remaining() / 2 => (0..count).map(|_| point(args)).collect(),
        _ => Err(Error::Text("ERR GEOSEARCH BYPOLYGON must have at least 3 vertices")),
    }
}

/// The shape that centre and outline make; `None` if the centre is a member's where there is no sorted set.
fn shape(command: &[u8], center: Option<Center>, outline: Option<Outline>) -> Result<Option<Search>, Error> {
    let missing = |what: &str| {
        let command = String::from_utf8_lossy(command);
        Error::Made(format!("ERR exactly one of {what} can be specified for {command}"))
    };
    if let Some(Outline::Polygon(vertices)) = outline {
        return Ok(Some(Search::polygon(vertices)));
    }
    let center = match center.ok_or_else(|| missing("FROMMEMBER or FROMLONLAT"))? {
        Center::Point(point) => Some(point),
        Center::Member(place) => place,
    };
    let outline = outline.ok_or_else(|| missing("BYRADIUS and BYBOX"))?;
    Ok(center.map(|center| match outline {
        Outline::Circle { radius_m } => Search::circle(center, radius_m),
        Outline::Rectangle { width_m, height_m } => Search::rectangle(center, width_m, height_m),
        Outline::Polygon(vertices) => Search::polygon(vertices),
    }))
}
