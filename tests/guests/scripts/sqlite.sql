-- SPDX-License-Identifier: MIT
create table t(a integer primary key,b text,c real);
with recursive n(i) as (select 1 union all select i+1 from n where i<2000) insert into t select i,'r'||(i*7919%1009),i/7.0 from n;
create index x on t(b); select count(*),sum(a),round(avg(c),6),max(b) from t; select b,count(*) from t group by b order by 2 desc,1 limit 5; delete from t where a%3=0; select count(*) from t; select substr(hex(b),1,8),c from t order by c desc limit 3; select printf('%.10f',1.0/3), abs(-3), upper('x');
