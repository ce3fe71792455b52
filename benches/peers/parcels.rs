//! Parcels into PostGIS, beside GDAL's and PostGIS's own tools.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::{
    Failed,
    contests::{Contest, Prepared, Way},
    data,
    tools::has,
};

const PARCEL: &str = "create table parcel (
    cadid bigint primary key, lotidstring text, lotnumber text, planlabel text, planlotarea float8,
    planlotareaunits text, registered date, lastupdate date, hasstratum SORT, address text,
    municipality text, geom geometry(MultiPolygon, SRID)
  ) with (autovacuum_enabled = false);
  create index on parcel using gist (geom)";

const PARCEL_COLUMNS: [&str; 11] = [
    "cadid",
    "lotidstring",
    "lotnumber",
    "planlabel",
    "planlotarea",
    "planlotareaunits",
    "registered",
    "lastupdate",
    "hasstratum",
    "address",
    "municipality",
];

impl Prepared<'_> {
    /// A file of parcels into PostGIS, with an index on their outlines.
    pub(super) fn parcels(
        &self,
        title: &str,
        format: &str,
        (srid, more): (i32, &'static [&'static str]),
        geometry: &str,
    ) -> Result<Contest, Failed> {
        let rows = self.request.parcels;
        let geojson = data::file("parcels", "parcels.geojson", rows)?;
        let path = match format {
            "geojson" => geojson,
            _ => self.shapefile(&geojson, rows)?,
        };
        let is_shape = format == "shapefile";
        let fields = |column: &&str| {
            // A shapefile has names of ten characters.
            let field = if is_shape { &column[..column.len().min(10)] } else { column };
            // One that ogr2ogr has made of `planlotareaunits`, beside `planlotarea`.
            let field =
                if is_shape && **column == *"planlotareaunits" { "planlota_1" } else { field };
            format!("{column} = {{ from = \"{field}\" }}\n")
        };
        let columns: String = PARCEL_COLUMNS.iter().map(fields).collect();
        let text = format!(
            "[source]\nformat = \"{format}\"\npath = \"{}\"\n[[target]]\ntable = \"public.parcel\"\nmode = \"upsert\"\nkey = [\"cadid\"]\n[target.columns]\n{columns}geom = {{ from = \"geometry\"{geometry} }}\n",
            path.display()
        );
        let pipeline = self.pipeline(&format!("{format}-{srid}"), &text)?;
        let stratum = if is_shape { "integer" } else { "boolean" };
        let table = PARCEL.replace("SRID", &srid.to_string()).replace("SORT", stratum);
        let check = || Some(("select count(*) from parcel".to_owned(), rows.to_string()));
        let ours = Way {
            ready: vec![format!("drop table if exists parcel; {table}")],
            check: check(),
            ..self.longshore("longshore run", "run", &pipeline, &[])
        };
        let mut ways = Vec::new();
        let gone = || vec!["drop table if exists parcel".to_owned()];
        if has("ogr2ogr") {
            let (place, from) = (self.place.clone(), path.display().to_string());
            ways.push(Way {
                name: "ogr2ogr".to_owned(),
                ready: gone(),
                command: Box::new(move || {
                    let mut arguments = vec![
                        "-nln",
                        "parcel",
                        "-nlt",
                        "PROMOTE_TO_MULTI",
                        "-lco",
                        "GEOMETRY_NAME=geom",
                    ];
                    arguments.extend(more);
                    arguments.push(&from);
                    place.ogr2ogr(&arguments)
                }),
                check: check(),
                once: false,
            });
        }
        if is_shape && has("shp2pgsql") {
            let (place, psql, from) =
                (self.place.clone(), self.psql.clone(), path.display().to_string());
            ways.push(Way {
                name: "shp2pgsql -D -I | psql".to_owned(),
                ready: gone(),
                command: Box::new(move || {
                    place.piped_to_psql(
                        &psql,
                        &format!("shp2pgsql -D -I -s 4283 -g geom '{from}' parcel 2> /dev/null"),
                    )
                }),
                check: check(),
                once: false,
            });
        }
        ways.push(ours);
        Ok(Contest { title: format!("{rows} parcels, {title}"), ways, against: 0 })
    }

    fn shapefile(&self, geojson: &Path, rows: u64) -> Result<PathBuf, Failed> {
        let path = self.folder.join(format!("{rows}-parcels.shp"));
        if !path.exists() {
            let mut convert = Command::new("ogr2ogr");
            convert.arg("-f").arg("ESRI Shapefile").arg(&path).arg(geojson).stderr(Stdio::null());
            if !convert.status()?.success() {
                return Err("ogr2ogr could not write the shapefile".into());
            }
        }
        Ok(path)
    }
}
